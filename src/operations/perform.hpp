// Runs an operation that consists of one request. Each such operation is a class in a file of its own.
#pragma once

#include "async/only_terminal.hpp"
#include "async/outcome.hpp"
#include "client/operation_context.hpp"
#include "client/store_core.hpp"
#include "protocol/message.hpp"

#include <boost/asio/awaitable.hpp>

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

template <class Operation>
asio::awaitable<async::outcome<typename Operation::result>>
run(std::shared_ptr<const client::store_core> core, Operation operation) {
    client::operation_context op(*core, operation.label());
    const client::operation_context::guard guard(op);
    const auto deadline = op.deadline();
    protocol::request r = op.check([&] { return operation.request(op); });
    r.idempotency = Operation::idempotency;
    client::call_result result;
    co_await core->sender->call(op, r, deadline, result);
    if (result.creating_table) co_return op.exception_for(result);
    auto outcome = op.check([&] { return operation.read(op, result); });
    if (!outcome.failed()) op.succeed();
    co_return std::move(outcome); // g++ 12 copies it otherwise
}

/// Runs `operation`, which owns its arguments. It shares the core, so the store may be destroyed meanwhile.
template <class Operation>
asio::awaitable<typename Operation::result> perform(std::shared_ptr<const client::store_core> core,
                                                    Operation&& operation) {
    return async::only_terminal(run(std::move(core), std::move(operation)));
}

} // namespace azkv::operations
