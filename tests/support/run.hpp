#pragma once

#include <azkv/error.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <doctest/doctest.h>

#include <chrono>
#include <exception>
#include <optional>
#include <thread>

namespace azkv::test {

namespace asio = boost::asio;

/// Runs one coroutine to its end on `context`, and `context` until it has nothing left to do.
template <class T>
T run(asio::io_context& context, asio::awaitable<T> op) {
    std::exception_ptr failure;
    std::optional<T> result;
    asio::co_spawn(context, std::move(op), [&](std::exception_ptr e, T t) {
        failure = e;
        result = std::move(t);
    });
    context.restart();
    context.run();
    REQUIRE(result.has_value());
    if (failure) std::rethrow_exception(failure);
    return std::move(*result);
}

inline void run(asio::io_context& context, asio::awaitable<void> op) {
    std::exception_ptr failure;
    bool done = false;
    asio::co_spawn(context, std::move(op), [&](std::exception_ptr e) {
        failure = e;
        done = true;
    });
    context.restart();
    context.run();
    REQUIRE(done);
    if (failure) std::rethrow_exception(failure);
}

/// Waits for what other threads bring about, half a minute at most.
template <class Condition>
void wait_until(Condition holds) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!holds()) {
        if (std::chrono::steady_clock::now() >= end) FAIL("what is waited for does not happen");
        std::this_thread::yield();
    }
}

/// Runs one handler after the other until `holds` returns true. Some must be left until then.
template <class Condition>
void run_until(asio::io_context& context, Condition holds) {
    while (!holds()) REQUIRE(context.run_one_for(std::chrono::seconds(30)) == 1);
}

/// The `azkv::error` that `f` throws.
template <class F>
error failure_of(F f) {
    try {
        f();
    } catch (const error& e) {
        return e;
    }
    FAIL("nothing was thrown");
    throw std::logic_error("not reached");
}

inline bool contains(std::string_view text, std::string_view part) {
    return text.find(part) != text.npos;
}

} // namespace azkv::test
