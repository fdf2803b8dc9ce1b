// Tokens: kept until they expire, requested once however many calls wait. No I/O.
#pragma once

#include "async/operation_tracker.hpp"

#include <azkv/secret.hpp>
#include <azkv/token_credential.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace azkv::identity {

namespace asio = boost::asio;

/// Whether a token can still be used.
enum class token_state {
    good,
    due,     ///< usable until a new one arrives, which should be requested now
    expired, ///< or so close to its expiry that it may have expired on arrival
};

/// Returns the state at `now` of a token that was received at `received`.
token_state state_of(const access_token& t, access_token::time_point received, access_token::time_point now);

/// A call that needs a token.
class token_caller {
public:
    token_caller(asio::any_io_executor executor, bool executor_outlives_call,
                 std::chrono::steady_clock::time_point deadline,
                 std::shared_ptr<async::operation_tracker> tracker = {})
        : executor(std::move(executor)), executor_outlives_call(executor_outlives_call), deadline(deadline),
          tracker(std::move(tracker)) {}

    asio::any_io_executor executor; // runs the request, and the wait for it
    bool executor_outlives_call;    // false: it may not be run after the call
    std::chrono::steady_clock::time_point deadline;
    std::shared_ptr<async::operation_tracker> tracker; // its abort ends the wait; may be null
};

/// Keeps the tokens of one credential, by scope and tenant, until they expire. Requests new ones, each once
/// however many calls need it. Does not keep failures. Safe to share between threads, and between stores on
/// different executors.
class token_cache : public std::enable_shared_from_this<token_cache> {
public:
    using wall_clock = std::function<access_token::time_point()>;
    using steady_clock = std::function<std::chrono::steady_clock::time_point()>;

    /// `now` tells when tokens expire. `ticks` cannot be set by a user, and measures the time since a request
    /// failed or a token was rejected.
    explicit token_cache(std::shared_ptr<token_credential> source,
                         wall_clock now = &std::chrono::system_clock::now,
                         steady_clock ticks = &std::chrono::steady_clock::now);
    ~token_cache();

    /// Creates an empty cache of the same credential.
    std::shared_ptr<token_cache> copy() const { return std::make_shared<token_cache>(source_, now_, ticks_); }

    /// Returns the token for `request` if it can be used without a new request; otherwise an empty one: call
    /// `token`.
    secret try_get_cached(const token_request& request) const;

    /// Returns a token for `request`, other than `rejected`, which the service did not accept.
    ///
    /// A request in flight does not belong to a call: it goes on after the call that started it is cancelled,
    /// as long as another call waits for it. While the old token is due but still holds, only one call waits
    /// for a new one, and it uses the old one if that fails; the others use the old one at once.
    ///
    /// Throws the errors of the credential, and errc::timed_out at the caller's deadline.
    asio::awaitable<secret> token(token_request request, secret rejected, token_caller caller);

    /// Drops a token that the service rejected for an unknown reason: the next call requests another one, at
    /// most twice a minute.
    void invalidate(const token_request& request, const secret& rejected);

private:
    class inflight_request;
    class execution;
    class waiter;
    class entry;
    class lookup_result;

    entry* find(const token_request& request) const;
    void abandon_stuck(const token_request& request);
    lookup_result look_up(const token_request& request, const secret& rejected, const token_caller& caller);
    void start(std::shared_ptr<inflight_request> request, std::shared_ptr<execution> e);
    static asio::awaitable<void> run_request(std::shared_ptr<token_cache> self,
                                             std::shared_ptr<inflight_request> request,
                                             std::shared_ptr<execution> e);
    void complete(inflight_request& request, std::optional<access_token> token, std::exception_ptr failure);
    void abandon(inflight_request& request) noexcept;
    void finish(inflight_request& request) noexcept;

    const std::shared_ptr<token_credential> source_;
    const wall_clock now_;
    const steady_clock ticks_;
    mutable std::mutex mutex_;                    // guards `entries_` and all that they refer to
    std::vector<std::unique_ptr<entry>> entries_; // few: one for each scope and tenant
};

} // namespace azkv::identity
