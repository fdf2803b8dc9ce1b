// Operations that honour only terminal cancellation, whatever filter their caller's coroutine has.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/this_coro.hpp>

#include <exception>
#include <optional>
#include <utility>

namespace azkv::async {

namespace asio = boost::asio;

// Total and partial cancellation promise no side effects, or known ones. A write that was sent cannot keep
// that promise, so it runs to its end. By default Asio throws at the next `co_await` after any kind of
// cancellation; here that is off, and the operations check for the terminal kind themselves.

/// The result of an operation: a value, or an exception that has not been thrown yet. (Throwing costs
/// microseconds in each coroutine that the exception passes.)
template <class T>
class outcome {
public:
    outcome() {}

    outcome(T result) : result_(std::move(result)) {}

    outcome(std::exception_ptr failure) : failure_(std::move(failure)) {}

    bool failed() const { return failure_ != nullptr; }

    const std::exception_ptr& failure() const { return failure_; }

    T take() {
        if (failure_) std::rethrow_exception(std::move(failure_));
        return std::move(*result_);
    }

private:
    std::optional<T> result_;
    std::exception_ptr failure_;
};

template <>
class outcome<void> {
public:
    outcome() {}

    outcome(std::exception_ptr failure) : failure_(std::move(failure)) {}

    bool failed() const { return failure_ != nullptr; }

    void take() {
        if (failure_) std::rethrow_exception(std::move(failure_));
    }

private:
    std::exception_ptr failure_;
};

/// Runs `op` so that only terminal cancellation ends it.
template <class T>
asio::awaitable<T> only_terminal(asio::awaitable<outcome<T>> op) {
    const bool throws = co_await asio::this_coro::throw_if_cancelled();
    co_await asio::this_coro::throw_if_cancelled(false);
    outcome<T> o;
    try {
        o = co_await std::move(op);
    } catch (...) {
        o = outcome<T>(std::current_exception());
    }
    co_await asio::this_coro::throw_if_cancelled(throws);
    co_return o.take();
}

} // namespace azkv::async
