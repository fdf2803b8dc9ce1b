#include "client/key_lines.hpp"
#include "support/run.hpp"
#include "support/spawned.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <doctest/doctest.h>

#include <memory>
#include <string>

using namespace azkv;
using namespace azkv::test;
using namespace std::chrono_literals;
using client::key_lines;

namespace {

/// Some that wait in lines, and the order in which they have their turns.
class crowd {
public:
    asio::awaitable<bool> pass(std::string line, char who, std::chrono::milliseconds patience = 10s) {
        key_lines::place place(lines, std::move(line));
        const bool turn =
            co_await place.wait(context.get_executor(), tracker, std::chrono::steady_clock::now() + patience);
        if (!turn) co_return false;
        order += who;
        for (int i = 0; i < 3; ++i) co_await asio::post(context, asio::use_awaitable);
        order += who;
        co_return true;
    }

    spawned<bool>& spawn(std::string line, char who, std::chrono::milliseconds patience = 10s) {
        spawned<bool>& one = *all.emplace_back(std::make_unique<spawned<bool>>());
        one.start_cancellable(context, pass(std::move(line), who, patience));
        return one;
    }

    asio::io_context context;
    std::shared_ptr<key_lines> lines = std::make_shared<key_lines>();
    std::shared_ptr<async::operation_tracker> tracker = std::make_shared<async::operation_tracker>();
    std::vector<std::unique_ptr<spawned<bool>>> all;
    std::string order;
};

} // namespace

TEST_CASE("those of one line pass one after another, those of others beside them") {
    crowd c;
    for (const char who : {'a', 'b', 'c'}) c.spawn("one", who);
    c.context.run();
    CHECK(c.order == "aabbcc");
    c.order.clear();
    c.spawn("one", 'a');
    c.spawn("two", 'b');
    c.context.restart();
    c.context.run();
    CHECK(c.order == "abab");
}

TEST_CASE("who gives up or is cancelled leaves the line") {
    crowd c;
    c.spawn("one", 'a');
    auto& late = c.spawn("one", 'b', 0ms);
    auto& cancelled = c.spawn("one", 'c');
    c.spawn("one", 'd');
    c.context.poll_one();
    c.context.poll_one();
    c.context.poll_one();
    cancelled.signal.emit(asio::cancellation_type::terminal);
    c.context.run();
    CHECK(c.order == "aadd");
    CHECK(late.done);
    CHECK(cancelled.code() == boost::system::error_code(asio::error::operation_aborted));
}

TEST_CASE("closing wakes those that wait") {
    crowd c;
    c.spawn("one", 'a');
    auto& waiting = c.spawn("one", 'b');
    c.context.poll_one();
    c.context.poll_one();
    c.tracker->stop_accepting();
    c.tracker->abort_all();
    c.context.run();
    CHECK(c.order == "aa");
    CHECK(waiting.done);
}
