#include "support/run.hpp"

#include <azkv/async_generator.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <doctest/doctest.h>

#include <stdexcept>
#include <string>

using namespace azkv;
using namespace std::chrono_literals;
using test::run;

namespace {

/// Counts the frames that are alive.
class alive {
public:
    explicit alive(int& n) : n_(n) { ++n_; }

    ~alive() { --n_; }

    alive(const alive&) = delete;
    alive& operator=(const alive&) = delete;

private:
    int& n_;
};

class world {
public:
    world() {}

    int frames = 0;
    int fetches = 0;
    std::chrono::milliseconds time{1};
};

asio::awaitable<std::vector<std::string>> fetch(world& w, int page) {
    ++w.fetches;
    const alive guard(w.frames);
    asio::steady_timer timer(co_await asio::this_coro::executor, w.time);
    co_await timer.async_wait(asio::use_awaitable);
    if (page == 7) throw std::runtime_error("page 7");
    std::vector<std::string> items;
    if (page != 2) // an empty page is not the end
        for (int i = 0; i < 3; ++i)
            items.push_back(std::string(40, static_cast<char>('a' + page)) + std::to_string(i));
    co_return items;
}

async_generator<std::string> pages(world& w, int n) {
    const alive guard(w.frames);
    for (int p = 0; p < n; ++p) {
        std::vector<std::string> items = co_await fetch(w, p);
        co_yield std::move(items);
    }
}

asio::awaitable<void> nap() {
    asio::steady_timer timer(co_await asio::this_coro::executor, 1ms);
    co_await timer.async_wait(asio::use_awaitable);
}

async_generator<int> single_items(int n) {
    for (int i = 0; i < n; ++i) {
        co_await nap();
        co_yield i;
    }
}

// Retries what failed when it is resumed.
async_generator<std::string> stubborn(world& w, int failures) {
    for (int p = 0; p < 2;) {
        std::vector<std::string> items;
        std::exception_ptr failure;
        try {
            items = co_await fetch(w, failures > 0 ? 7 : p);
        } catch (...) {
            failure = std::current_exception();
        }
        if (failure) {
            --failures;
            co_yield std::move(failure);
            continue;
        }
        ++p;
        co_yield std::move(items);
    }
}

async_generator<int> posted() {
    for (int i = 1; i < 3; ++i) {
        co_await asio::post(asio::use_awaitable); // which cannot be cancelled
        co_yield i;
    }
}

asio::awaitable<int> count(async_generator<std::string> rows) {
    int n = 0;
    while (auto s = co_await rows.next()) {
        CHECK(s->size() == 41);
        ++n;
    }
    const auto again = co_await rows.next();
    CHECK_FALSE(again);
    co_return n;
}

} // namespace

TEST_CASE("every element comes once and the end stays the end") {
    asio::io_context context;
    world w;
    CHECK(run(context, count(pages(w, 4))) == 9);
    CHECK(w.fetches == 4);
    CHECK(w.frames == 0);
    CHECK(run(context, count(pages(w, 0))) == 0);
}

TEST_CASE("nothing runs before the first request and no page is fetched early") {
    asio::io_context context;
    world w;
    {
        auto rows = pages(w, 100);
        CHECK(w.fetches == 0);
        CHECK(w.frames == 0);
        CHECK(run(context, rows.next()).has_value());
        CHECK(run(context, rows.next()).has_value());
        CHECK(w.fetches == 1);
        CHECK(w.frames == 1);
        CHECK(context.stopped()); // no work is pending between two elements
    }
    CHECK(w.frames == 0); // the abandoned generator is destroyed
}

TEST_CASE("pages with single elements between them") {
    asio::io_context context;
    world w;
    auto rows = pages(w, 4);
    CHECK(run(context, rows.next()) == std::string(40, 'a') + '0');
    CHECK(run(context, rows.next_page()).size() == 2); // the rest of the first
    CHECK(run(context, rows.next_page()).size() == 3);
    CHECK(run(context, rows.next_page()).size() == 3); // the empty one was skipped
    CHECK(run(context, rows.next_page()).empty());
    CHECK(run(context, rows.next_page()).empty());
    CHECK_FALSE(run(context, rows.next()));
}

TEST_CASE("a generator of single elements") {
    asio::io_context context;
    auto rows = single_items(3);
    for (int i = 0; i < 3; ++i) CHECK(run(context, rows.next()) == i);
    CHECK_FALSE(run(context, rows.next()));
}

TEST_CASE("a failure is thrown and never mistaken for the end") {
    asio::io_context context;
    world w;
    auto rows = pages(w, 9);
    int n = 0;
    try {
        while (run(context, rows.next())) ++n;
        FAIL("no failure");
    } catch (const std::runtime_error& e) {
        CHECK(std::string(e.what()) == "page 7");
    }
    CHECK(n == 18);
    CHECK(w.frames == 0);
    CHECK_THROWS_AS(run(context, rows.next()), std::runtime_error);
    CHECK_THROWS_AS(run(context, rows.next_page()), std::runtime_error);
}

TEST_CASE("after a failure that the body reports it is resumed") {
    for (const int failures : {1, 3}) {
        asio::io_context context;
        world w;
        auto rows = stubborn(w, failures);
        for (int i = 0; i < failures; ++i) {
            if (i % 2 == 0)
                CHECK_THROWS_AS(run(context, rows.next()), std::runtime_error);
            else
                CHECK_THROWS_AS(run(context, rows.next_page()), std::runtime_error);
        }
        CHECK(w.frames == 0);
        CHECK(run(context, count(std::move(rows))) == 6);
        CHECK(w.fetches == failures + 2);
    }
}

TEST_CASE("an element that arrives with the cancellation is kept for the next call") {
    asio::io_context context;
    auto rows = posted();
    for (int i = 1; i < 3; ++i) {
        asio::cancellation_signal signal;
        std::exception_ptr failure;
        asio::co_spawn(
            context, rows.next(),
            asio::bind_cancellation_slot(signal.slot(), [&](std::exception_ptr e, auto) { failure = e; }));
        // Between the start of the call and the completion it waits for.
        asio::post(context, [&] { signal.emit(asio::cancellation_type::terminal); });
        context.restart();
        context.run();
        REQUIRE(failure);
        CHECK_THROWS_AS(std::rethrow_exception(failure), boost::system::system_error);
        CHECK(run(context, rows.next()) == i);
    }
    CHECK_FALSE(run(context, rows.next()));
}

TEST_CASE("a call whose context was destroyed counts as cancelled") {
    world w;
    w.time = 1h;
    auto rows = pages(w, 3);
    auto again = stubborn(w, 0);
    {
        asio::io_context context;
        asio::co_spawn(context, rows.next(), [](std::exception_ptr, auto) {});
        asio::co_spawn(context, again.next(), [](std::exception_ptr, auto) {});
        context.poll();
    }
    w.time = 1ms;
    asio::io_context context;
    CHECK_THROWS_AS(run(context, rows.next()), boost::system::system_error);
    CHECK_THROWS_AS(run(context, again.next()), boost::system::system_error);
    CHECK(run(context, count(std::move(again))) == 6);
}

TEST_CASE("cancellation reaches the operation that the body awaits") {
    asio::io_context context;
    world w;
    w.time = 1h;
    auto rows = pages(w, 3);
    asio::cancellation_signal signal;
    std::exception_ptr failure;
    asio::co_spawn(
        context, rows.next(),
        asio::bind_cancellation_slot(signal.slot(), [&](std::exception_ptr e, auto) { failure = e; }));
    context.poll();
    CHECK(w.frames == 2);
    signal.emit(asio::cancellation_type::terminal);
    context.run();
    REQUIRE(failure);
    CHECK_THROWS_AS(std::rethrow_exception(failure), boost::system::system_error);
    CHECK(w.frames == 0);
}

TEST_CASE("a context that is destroyed while a page is awaited") {
    world w;
    w.time = 1h;
    {
        asio::io_context context;
        asio::co_spawn(context, count(pages(w, 3)), asio::detached);
        context.poll();
        CHECK(w.frames == 2);
    }
    CHECK(w.frames == 0);
}

TEST_CASE("two calls at once are rejected without harm") {
    asio::io_context context;
    world w;
    auto rows = pages(w, 2);
    std::optional<std::string> first;
    std::exception_ptr second;
    asio::co_spawn(context, rows.next(),
                   [&](std::exception_ptr, std::optional<std::string> s) { first = s; });
    asio::co_spawn(context, rows.next(), [&](std::exception_ptr e, auto) { second = e; });
    context.run();
    CHECK(first);
    REQUIRE(second);
    CHECK(test::failure_of([&] { std::rethrow_exception(second); }).code() == errc::invalid_argument);
    CHECK(run(context, rows.next_page()).size() == 2);
}

TEST_CASE("a generator may be moved while it is awaited") {
    asio::io_context context;
    world w;
    auto rows = pages(w, 3);
    std::optional<std::string> got;
    asio::co_spawn(context, rows.next(), [&](std::exception_ptr, std::optional<std::string> s) { got = s; });
    context.poll();
    auto moved = std::move(rows);
    context.run();
    CHECK(got);
    CHECK(run(context, moved.next()).has_value());
    CHECK_FALSE(run(context, rows.next())); // moved from: empty
}
