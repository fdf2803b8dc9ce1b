// Runs coroutines and contexts in a test, and returns what they throw.
#pragma once

#include <azkv/error.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <doctest/doctest.h>

#include <chrono>
#include <exception>
#include <optional>
#include <source_location>
#include <stdexcept>
#include <string_view>
#include <thread>
#include <utility>

namespace azkv::test {

namespace asio = boost::asio;

/// Fails the test at the line that called the helper, not inside the helper.
[[noreturn]] inline void fail_at(const std::source_location& caller, const char* why) {
    DOCTEST_ADD_FAIL_AT(caller.file_name(), static_cast<int>(caller.line()), why);
    throw std::logic_error("not reached");
}

/// Runs one coroutine to its end on `context`, and `context` until no work is left.
template <class T>
T run(asio::io_context& context, asio::awaitable<T> op,
      const std::source_location& caller = std::source_location::current()) {
    std::exception_ptr failure;
    std::optional<T> result;
    asio::co_spawn(context, std::move(op), [&](std::exception_ptr e, T t) {
        failure = e;
        result = std::move(t);
    });
    context.restart();
    context.run();
    if (!result) fail_at(caller, "the coroutine does not end");
    if (failure) std::rethrow_exception(failure);
    return std::move(*result);
}

inline void run(asio::io_context& context, asio::awaitable<void> op,
                const std::source_location& caller = std::source_location::current()) {
    std::exception_ptr failure;
    bool done = false;
    asio::co_spawn(context, std::move(op), [&](std::exception_ptr e) {
        failure = e;
        done = true;
    });
    context.restart();
    context.run();
    if (!done) fail_at(caller, "the coroutine does not end");
    if (failure) std::rethrow_exception(failure);
}

/// Waits up to 30 s for a condition that another thread establishes.
template <class Condition>
void wait_until(Condition holds, const std::source_location& caller = std::source_location::current()) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!holds()) {
        if (std::chrono::steady_clock::now() >= end) fail_at(caller, "the condition does not become true");
        std::this_thread::yield();
    }
}

/// Runs handlers one at a time until `holds` returns true. Fails if none is ready within 30 s.
template <class Condition>
void run_until(asio::io_context& context, Condition holds,
               const std::source_location& caller = std::source_location::current()) {
    while (!holds())
        if (context.run_one_for(std::chrono::seconds(30)) != 1)
            fail_at(caller, "the condition does not become true");
}

/// Runs handlers until none is ready.
inline void settle(asio::io_context& context) {
    context.restart();
    while (context.poll() > 0) {
    }
}

/// Returns the `azkv::error` that `f` throws.
template <class F>
error failure_of(F f, const std::source_location& caller = std::source_location::current()) {
    try {
        f();
    } catch (const error& e) {
        return e;
    }
    fail_at(caller, "nothing was thrown");
}

inline bool contains(std::string_view text, std::string_view part) {
    return text.find(part) != text.npos;
}

} // namespace azkv::test
