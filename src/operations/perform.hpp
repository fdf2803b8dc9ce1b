// Runs an operation that consists of one request. Each such operation is a class in a file of its own.
#pragma once

#include "async/only_terminal.hpp"
#include "async/outcome.hpp"
#include "client/call_origin.hpp"
#include "client/operation_context.hpp"
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
// response: it returns the result or `operation_context::failure`, or throws `azkv::error`.

template <class Operation>
asio::awaitable<async::outcome<typename Operation::result>>
run(std::shared_ptr<const client::call_origin> origin, Operation operation) {
    client::operation_context op(*origin, operation.label());
    const client::operation_context::guard guard(op);
    const auto deadline = op.deadline();
    protocol::request r = op.check([&] { return operation.request(op); });
    r.idempotency = Operation::idempotency;
    client::call_result result;
    co_await origin->sender->call(op, r, deadline, result);
    auto outcome = op.check([&] { return operation.read(op, result); });
    if (!outcome.failed()) op.succeed();
    co_return outcome;
}

/// Runs `operation`, which owns its arguments. It shares the origin, so the store may be destroyed meanwhile.
template <class Operation>
asio::awaitable<typename Operation::result> perform(std::shared_ptr<const client::call_origin> origin,
                                                    Operation operation) {
    return async::only_terminal(run(std::move(origin), std::move(operation)));
}

} // namespace azkv::operations
