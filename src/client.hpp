#pragma once

#include "account.hpp"
#include "identity/bearer.hpp"
#include "net/transport.hpp"
#include "protocol/message.hpp"

#include <azkv/error.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/uuid/random_generator.hpp>

#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

namespace azkv {

namespace asio = boost::asio;

/// Which operation a request belongs to, for messages. It refers to the operation's own arguments.
class subject {
public:
    std::string_view operation;
    std::string_view collection;
    const std::string* key = nullptr;

    /// `get "k" in "data"`
    std::string text() const;

    /// The failure of this operation for a reason found before or after the exchange.
    [[noreturn]] void fail(boost::system::error_code code, const std::string& why,
                           diagnostics details = {}) const;

    /// The failure that a response tells of.
    [[noreturn]] void fail(const protocol::response& r) const;

    /// Calls `f`; an `azkv::error` that it throws is thrown on as a failure of this operation.
    template <class F>
    decltype(auto) check(F f) const {
        try {
            return f();
        } catch (const error& e) {
            fail(e.code(), e.what(), e.details());
        }
    }
};

/// The answer to a call.
class answer {
public:
    answer() {}

    protocol::response response;
    /// An earlier attempt of the same call may have been applied without being seen to be.
    bool maybe_applied_before = false;
};

/// Makes calls to the service of one account: signs them, sends them, and retries them. Safe to share.
class client {
public:
    using time_point = std::chrono::steady_clock::time_point;

    /// `executor_outlives_calls`: somebody runs the executor also when no call is under way.
    client(asio::any_io_executor executor, bool executor_outlives_calls,
           std::shared_ptr<const azkv::account> account, std::shared_ptr<net::transport> transport);

    const azkv::account& account() const { return *account_; }

    /// When a call that begins now must be done.
    time_point deadline() const;

    /// Sends `r` until there is an answer that is worth no further attempt. Throws `azkv::error` when there
    /// is none; a response that tells of a failure is an answer.
    asio::awaitable<answer> call(const protocol::request& r, subject about, time_point deadline) const;

    /// A write: as `call`, but when the service says that the table does not exist it is created first.
    asio::awaitable<answer> write(const protocol::request& r, std::string_view table, subject about,
                                  time_point deadline) const;

    /// A new UUID, as text.
    std::string new_id() const;

private:
    std::string head(const protocol::request& r, std::string_view id, const secret& token) const;
    asio::awaitable<secret> token(token_request request, secret rejected, subject about,
                                  time_point deadline) const;

    asio::any_io_executor executor_;
    bool executor_outlives_calls_;
    std::shared_ptr<const azkv::account> account_;
    std::shared_ptr<net::transport> transport_;
    mutable std::mutex ids_mutex_;
    mutable boost::uuids::random_generator_mt19937 ids_; // guarded by ids_mutex_
};

} // namespace azkv
