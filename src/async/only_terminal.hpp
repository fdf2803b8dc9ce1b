// Operations that heed no cancellation but terminal, whatever their caller's coroutine lets pass.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/this_coro.hpp>

#include <exception>
#include <optional>
#include <utility>

namespace azkv::async {

namespace asio = boost::asio;

// Total and partial cancellation promise that nothing, or nothing unknown, has happened. That cannot be said
// of a write that was sent; so it goes on to its end. Asio would throw at the next `co_await` of a coroutine
// that was cancelled in any way; the operations look themselves whether the way is terminal.

/// What an operation comes to: what it returns, or an exception that was not thrown yet. (To throw one takes
/// microseconds in each coroutine that it passes.)
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

/// `op`, which is ended by terminal cancellation only.
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
