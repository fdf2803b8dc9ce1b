// Spawned operations, and how they ended.
#pragma once

#include "support/run.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>

#include <exception>
#include <type_traits>
#include <utility>
#include <variant>

namespace azkv::test {

/// How a spawned operation ended. Must outlive the operation.
template <class T>
class spawned {
public:
    using result_type = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

    spawned() = default;

    template <class Executor>
    spawned(Executor&& executor, asio::awaitable<T> op) {
        start(std::forward<Executor>(executor), std::move(op));
    }

    spawned(const spawned&) = delete;
    spawned& operator=(const spawned&) = delete;

    /// Spawns `op` on an executor or an execution context.
    template <class Executor>
    void start(Executor&& executor, asio::awaitable<T> op) {
        asio::co_spawn(std::forward<Executor>(executor), std::move(op), handler());
    }

    /// The same, and `signal` cancels it.
    template <class Executor>
    void start_cancellable(Executor&& executor, asio::awaitable<T> op) {
        asio::co_spawn(std::forward<Executor>(executor), std::move(op),
                       asio::bind_cancellation_slot(signal.slot(), handler()));
    }

    void complete(std::exception_ptr e, result_type r = {}) {
        failure = std::move(e);
        result = std::move(r);
        done = true;
    }

    /// Returns the code that it failed with; no error if it has not failed.
    boost::system::error_code code() const {
        try {
            if (failure) std::rethrow_exception(failure);
        } catch (const boost::system::system_error& e) {
            return e.code();
        }
        return {};
    }

    /// Returns the `azkv::error` that it failed with.
    error thrown(const std::source_location& caller = std::source_location::current()) const {
        return failure_of(
            [&] {
                if (failure) std::rethrow_exception(failure);
            },
            caller);
    }

    bool done = false;
    std::exception_ptr failure;
    result_type result{};
    asio::cancellation_signal signal;

private:
    auto handler() {
        if constexpr (std::is_void_v<T>)
            return [this](std::exception_ptr e) { complete(std::move(e)); };
        else
            return [this](std::exception_ptr e, T r) { complete(std::move(e), std::move(r)); };
    }
};

} // namespace azkv::test
