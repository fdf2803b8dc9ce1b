// A transport that plays a script.
#pragma once

#include "net/transport.hpp"
#include "support/http_server.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <doctest/doctest.h>

#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace azkv::test {

/// Plays one scripted step for each exchange, and records what was sent. The reads that decide what became of
/// a conditional write are no part of the script: they find that it was not applied so far, unless
/// `decides` is set.
class scripted_transport final : public net::transport {
public:
    void close() override {}

    void answer(unsigned status, std::string body = {}) {
        protocol::response r;
        r.status = status;
        r.body = std::move(body);
        answer(std::move(r));
    }

    void answer(protocol::response r) {
        step s;
        s.response = std::move(r);
        steps_.push_back(std::move(s));
    }

    /// An answer that is made of the requests so far.
    void answer_with(std::function<protocol::response(const std::vector<std::string>&)> make) {
        step s;
        s.make = std::move(make);
        steps_.push_back(std::move(s));
    }

    void fail(boost::system::error_code ec, bool maybe_applied) {
        step s;
        s.error = ec;
        s.maybe_applied = maybe_applied;
        steps_.push_back(std::move(s));
    }

    /// The outcome of an exchange that was repeated over a new connection.
    void answer_second(unsigned status, std::string body = {}) {
        answer(status, std::move(body));
        steps_.back().repeated = true;
    }

    net::asio::awaitable<void> run(net::exchange& x) override {
        co_await net::asio::post(net::asio::use_awaitable);
        x.write_head();
        if (x.response.is_dated && !decides) co_return not_so_far(x);
        sent.push_back(x.head + std::string(x.body));
        to.push_back(*x.to);
        REQUIRE_FALSE(steps_.empty());
        step s = std::move(steps_.front());
        steps_.pop_front();
        x.phase = "waiting for a response from";
        if (s.make) s.response = s.make(sent);
        if (!s.error) x.response = std::move(s.response);
        x.error = s.error;
        if (s.maybe_applied || s.repeated) x.applied = protocol::applied::unknown;
    }

    bool finished() const { return steps_.empty(); }

    std::vector<std::string> sent;
    std::vector<protocol::authority> to; // the destination of each of these
    bool decides = false;                // the script has the reads that decide

private:
    // After an insert there is no row; after another write the row has the version that it gave.
    void not_so_far(net::exchange& x) const {
        REQUIRE_FALSE(sent.empty());
        constexpr std::string_view name = "\r\nIf-Match: ";
        const auto at = sent.back().find(name);
        protocol::response r;
        r.status = at == std::string::npos ? 404 : 200;
        if (at == std::string::npos) {
            r.body = error_body("ResourceNotFound");
            x.response = std::move(r);
            return;
        }
        const std::string from = sent.back().substr(at + name.size());
        boost::json::object row;
        row["odata.etag"] = from.substr(0, from.find("\r\n"));
        row["PartitionKey"] = "default";
        row["RowKey"] = "k";
        r.body = boost::json::serialize(row);
        x.response = std::move(r);
    }

    class step {
    public:
        step() {}

        protocol::response response;
        std::function<protocol::response(const std::vector<std::string>&)> make;
        boost::system::error_code error;
        bool maybe_applied = false;
        bool repeated = false;
    };

    std::deque<step> steps_;
};

} // namespace azkv::test
