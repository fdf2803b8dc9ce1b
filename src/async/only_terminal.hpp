// Operations that honour only terminal cancellation, whatever filter their caller's coroutine has.
#pragma once

#include "async/outcome.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/this_coro.hpp>

#include <exception>
#include <utility>

namespace azkv::async {

namespace asio = boost::asio;

// Total and partial cancellation promise no side effects, or known ones. A write that was sent cannot keep
// that promise, so it runs to its end. By default Asio throws at the next `co_await` after any kind of
// cancellation; here that is off, and the operations check for the terminal kind themselves.

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
