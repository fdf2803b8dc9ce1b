// A transport whose exchanges a test completes one by one.
#pragma once

#include "async/manual_reset_event.hpp"
#include "net/transport.hpp"

#include <azkv/error.hpp>

#include <boost/asio/this_coro.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace azkv::test {

/// Holds every exchange until the test releases it, and then calls its answerer. For one thread.
class held_transport final : public net::transport {
public:
    using answerer = std::function<void(net::exchange&)>;

    explicit held_transport(answerer a) : answer_(std::move(a)) {}

    net::asio::awaitable<void> run(net::exchange& x) override {
        const auto gone =
            std::make_shared<async::manual_reset_event>(co_await net::asio::this_coro::executor);
        held_.push_back(gone);
        ++under_way;
        most = std::max(most, under_way);
        bytes += x.body.size();
        most_bytes = std::max(most_bytes, bytes);
        const counted c(*this, gone, x.body.size());
        ++begun;
        if (!holds || closed_) gone->set();
        const bool let_go = co_await gone->wait(x.deadline);
        x.phase = "waiting for a response from";
        if (closed_)
            x.error = errc::closed;
        else if (!let_go)
            x.error = errc::timed_out;
        else
            answer_(x);
        if (x.error) x.applied = protocol::applied::unknown;
    }

    void close() override {
        closed_ = true;
        let_all_go();
    }

    void let_one_go() {
        if (!held_.empty()) held_.front()->set();
    }

    void let_all_go() {
        holds = false;
        for (const auto& e : held_) e->set();
    }

    bool holds = true;
    std::size_t begun = 0;
    std::size_t under_way = 0;
    std::size_t most = 0; // in flight at the same time
    std::size_t bytes = 0;
    std::size_t most_bytes = 0;

private:
    class counted {
    public:
        counted(held_transport& owner, std::shared_ptr<async::manual_reset_event> gone, std::size_t bytes)
            : owner_(owner), gone_(std::move(gone)), bytes_(bytes) {}

        ~counted() {
            std::erase(owner_.held_, gone_); // it must not outlive its execution context
            --owner_.under_way;
            owner_.bytes -= bytes_;
        }

    private:
        held_transport& owner_;
        std::shared_ptr<async::manual_reset_event> gone_;
        std::size_t bytes_;
    };

    answerer answer_;
    std::vector<std::shared_ptr<async::manual_reset_event>> held_;
    bool closed_ = false;
};

/// Returns how many operations are in a batch.
inline std::size_t operations_in(std::string_view batch) {
    std::size_t n = 0;
    for (auto at = batch.find("\r\nPUT "); at != batch.npos; at = batch.find("\r\nPUT ", at + 1)) ++n;
    return n;
}

} // namespace azkv::test
