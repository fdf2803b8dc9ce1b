// A transport that plays a script.
#pragma once

#include "net/transport.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <doctest/doctest.h>

#include <deque>
#include <string>
#include <utility>
#include <vector>

namespace azkv::test {

/// Plays one scripted step for each exchange, and records what was sent.
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
        sent.push_back(x.head + std::string(x.body));
        to.push_back(*x.to);
        REQUIRE_FALSE(steps_.empty());
        step s = std::move(steps_.front());
        steps_.pop_front();
        x.phase = "waiting for a response from";
        if (!s.error) x.response = std::move(s.response);
        x.error = s.error;
        if (s.maybe_applied || s.repeated) x.applied = protocol::applied::unknown;
    }

    bool finished() const { return steps_.empty(); }

    std::vector<std::string> sent;
    std::vector<protocol::authority> to; // the destination of each of these

private:
    class step {
    public:
        step() {}

        protocol::response response;
        boost::system::error_code error;
        bool maybe_applied = false;
        bool repeated = false;
    };

    std::deque<step> steps_;
};

} // namespace azkv::test
