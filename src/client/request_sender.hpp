// Sends the requests of operations: the driver of `call_flow`, which signs, sends, waits and retries.
#pragma once

#include "async/fork_watch.hpp"
#include "async/operation_tracker.hpp"
#include "client/call_flow.hpp"
#include "client/call_result.hpp"
#include "client/pacing.hpp"
#include "client/request_head.hpp"
#include "client/request_ids.hpp"
#include "client/service_context.hpp"
#include "net/transport.hpp"
#include "protocol/message.hpp"

#include <azkv/token_credential.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <memory>

namespace azkv::client {

namespace asio = boost::asio;

class operation_context;

/// Sends requests to the service of one account. Safe to share between threads.
class request_sender {
public:
    using time_point = std::chrono::steady_clock::time_point;

    /// `executor_outlives_calls`: the executor also runs when no call is in flight.
    request_sender(asio::any_io_executor executor, bool executor_outlives_calls,
                   std::shared_ptr<const service_context> service, std::shared_ptr<net::transport> transport);

    const std::shared_ptr<const service_context>& service() const { return service_; }

    /// Returns true if queries read ahead, which requires an executor that runs between two calls.
    bool reads_ahead() const { return executor_outlives_calls_ && service_->options.read_ahead(); }

    /// Sends `r` until a response needs no further attempt or no further attempt is allowed, and stores the
    /// response or the error in `result`. If `r` needs a table that is missing, creates the table and sends
    /// `r` again. Throws `azkv::error` if no token can be obtained, the store is closed or the process was
    /// forked.
    asio::awaitable<void> call(operation_context& op, const protocol::request& r, time_point deadline,
                               call_result& result) const;

    /// Waits. Throws `azkv::error` if the store is closed meanwhile.
    asio::awaitable<void> pause(operation_context& op, std::chrono::milliseconds delay) const;

    uuid_text new_id() const { return ids_.next(); }

    /// Returns the owner of the executor's context.
    const async::context_owner& process() const { return process_; }

private:
    asio::awaitable<secret> token(operation_context& op, token_request request, secret rejected,
                                  time_point deadline) const;
    asio::awaitable<call_flow::step> wait_turn(operation_context& op, call_flow& flow, pacing::ticket& ticket,
                                               time_point deadline) const;
    asio::awaitable<void> yield() const;

    asio::any_io_executor executor_;
    const async::context_owner process_;
    bool executor_outlives_calls_;
    std::shared_ptr<const service_context> service_;
    std::shared_ptr<net::transport> transport_;
    common_heads heads_;
    async::operation_tracker::abort_subscription closing_; // closes the transport
    mutable request_ids ids_;
};

} // namespace azkv::client
