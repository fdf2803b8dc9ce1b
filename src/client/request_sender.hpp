#pragma once

#include "client/service_context.hpp"
#include "async/fork_watch.hpp"
#include "identity/tokens/token_provider.hpp"
#include "net/transport.hpp"
#include "client/operation_context.hpp"
#include "client/pacing.hpp"
#include "protocol/message.hpp"
#include "support/process.hpp"

#include <azkv/error.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/uuid/random_generator.hpp>

#include <chrono>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <string_view>
#include <utility>

namespace azkv {

namespace asio = boost::asio;

/// Makes calls to the service of one account: signs them, sends them, and retries them. Safe to share.
class client {
public:
    using time_point = operation::clock::time_point;

    /// `executor_outlives_calls`: somebody runs the executor also when no call is under way.
    client(asio::any_io_executor executor, bool executor_outlives_calls,
           std::shared_ptr<const azkv::account> account, std::shared_ptr<net::transport> transport);

    const azkv::account& account() const { return *account_; }

    /// Whether queries do, which takes somebody who runs the executor between two calls.
    bool reads_ahead() const { return executor_outlives_calls_ && account_->options.read_ahead(); }

    std::shared_ptr<const azkv::account> shared_account() const { return account_; }

    /// Sends `r` until there is an answer that is worth no further attempt, or none to be had: both are in
    /// `a`. Throws `azkv::error` for what is wrong with anything else: the login, the store.
    /// `a.maybe_applied` tells, before and after, whether the operation may have been applied.
    asio::awaitable<void> call(operation& op, const protocol::request& r, time_point deadline,
                               answer& a) const;

    /// A write: as `call`, but when the service says that the table does not exist it is created first.
    asio::awaitable<void> write(operation& op, const protocol::request& r, std::string_view table,
                                time_point deadline, answer& a) const;

    /// A new UUID, as text. A forked child makes others than its parent; none if its context was not told.
    uuid_text new_id() const;

    /// The process that may use the executor's context.
    const async::context_owner& process() const { return process_; }

private:
    class request_head;

    std::string head(const operation& op, const protocol::request& r, const protocol::endpoint& at,
                     const secret& token) const;
    asio::awaitable<secret> token(operation& op, token_request request, secret rejected,
                                  time_point deadline) const;
    asio::awaitable<void> pause(operation& op, std::chrono::milliseconds delay) const;
    asio::awaitable<pacing::ticket::result> await_turn(operation& op, pacing::ticket& ticket,
                                                       time_point deadline) const;

    asio::any_io_executor executor_;
    const async::context_owner process_;
    bool executor_outlives_calls_;
    std::shared_ptr<const azkv::account> account_;
    std::shared_ptr<net::transport> transport_;
    std::string fixed_head_;
    std::string fixed_secondary_head_;
    async::operation_tracker::abort_subscription cleared_; // closes the transport
    mutable std::mutex ids_mutex_;
    mutable std::mt19937_64 random_; // guarded by ids_mutex_, as are the next
    mutable boost::uuids::basic_random_generator<std::mt19937_64> ids_{random_};
    mutable unsigned ids_process_ = support::process_number();
};

/// A client, and the trace that what is done with it belongs to.
class traced_client {
public:
    traced_client(std::shared_ptr<const azkv::client> client, std::string trace)
        : client(std::move(client)), trace(std::move(trace)) {}

    /// An operation begins. `about` and this must outlive it.
    operation begin(subject about, bool in_parts = false) const {
        return operation(client->shared_account(), *client->process(), about, client->new_id(), trace,
                         in_parts);
    }

    const std::shared_ptr<const azkv::client> client;
    const std::string trace; // headers
};

} // namespace azkv
