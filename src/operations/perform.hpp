// Runs an operation that consists of one request. Each such operation is a class in a file of its own.
#pragma once

#include "async/outcome.hpp"
#include "client/operation_context.hpp"
#include "client/store_core.hpp"
#include "protocol/message.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/this_coro.hpp>

#include <exception>
#include <memory>
#include <utility>

namespace azkv::operations {

// An operation is a class that holds its arguments by value and has
//
//   using result = ..;                                          what the caller receives
//   static constexpr protocol::idempotency idempotency = ..;    how its request may be repeated
//   client::operation_label label() const;                      its name and arguments
//   protocol::request request(const client::operation_context&);
//   async::outcome<result> read(client::operation_context&, const client::call_result&);
//
// `request` throws `azkv::error` if the service could not store the arguments. `read` interprets the final
// response: it returns the result or `operation_context::exception_for`, or throws `azkv::error`.

/// Runs `operation`, which owns its arguments. It shares the core, so the store may be destroyed meanwhile.
/// Only terminal cancellation ends it: it does itself what `async::only_terminal` does, which saves a
/// coroutine.
template <class Operation>
asio::awaitable<typename Operation::result> perform(std::shared_ptr<const client::store_core> core,
                                                    Operation operation) {
    const bool throws = co_await asio::this_coro::throw_if_cancelled();
    co_await asio::this_coro::throw_if_cancelled(false);
    async::outcome<typename Operation::result> outcome;
    try {
        client::operation_context op(*core, operation.label());
        const client::operation_context::guard guard(op);
        const auto deadline = op.deadline();
        protocol::request r = op.check([&] { return operation.request(op); });
        r.idempotency = Operation::idempotency;
        client::call_result result;
        co_await core->sender->call(op, r, deadline, result);
        if (result.creating_table)
            outcome = op.exception_for(result);
        else
            outcome = op.check([&] { return operation.read(op, result); });
        if (!outcome.failed()) op.succeed();
    } catch (...) {
        outcome = std::current_exception();
    }
    co_await asio::this_coro::throw_if_cancelled(throws);
    co_return outcome.take();
}

} // namespace azkv::operations
