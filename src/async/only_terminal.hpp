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

/// `op`, which is ended by terminal cancellation only.
template <class T>
asio::awaitable<T> only_terminal(asio::awaitable<T> op) {
    const bool throws = co_await asio::this_coro::throw_if_cancelled();
    co_await asio::this_coro::throw_if_cancelled(false);
    std::optional<T> result;
    std::exception_ptr failure;
    try {
        result.emplace(co_await std::move(op));
    } catch (...) {
        failure = std::current_exception();
    }
    co_await asio::this_coro::throw_if_cancelled(throws);
    if (failure) std::rethrow_exception(failure);
    co_return std::move(*result);
}

inline asio::awaitable<void> only_terminal(asio::awaitable<void> op) {
    const bool throws = co_await asio::this_coro::throw_if_cancelled();
    co_await asio::this_coro::throw_if_cancelled(false);
    std::exception_ptr failure;
    try {
        co_await std::move(op);
    } catch (...) {
        failure = std::current_exception();
    }
    co_await asio::this_coro::throw_if_cancelled(throws);
    if (failure) std::rethrow_exception(failure);
}

} // namespace azkv::async
