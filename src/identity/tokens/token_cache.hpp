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
    due,     ///< a new one should be asked for; until there is one, this does
    expired, ///< or so nearly that it may be on arrival
};

/// That of a token that was `received` then.
token_state judge(const access_token& t, access_token::time_point received, access_token::time_point now);

/// A call that needs a token.
class token_caller {
public:
    token_caller(asio::any_io_executor executor, bool executor_outlives_call,
                 std::chrono::steady_clock::time_point deadline, std::shared_ptr<async::operation_tracker> tracker = {})
        : executor(std::move(executor)), executor_outlives_call(executor_outlives_call), deadline(deadline),
          tracker(std::move(tracker)) {}

    asio::any_io_executor executor; // for the work, and for the wait
    bool executor_outlives_call;    // whether somebody runs it when the call is over
    std::chrono::steady_clock::time_point deadline;
    std::shared_ptr<async::operation_tracker> tracker; // ends the wait when operations are aborted; null: nothing does
};

/// Keeps the tokens of one source, by scope and tenant, until they expire, and asks for new ones: once,
/// however many calls need one. Failures are not kept. Safe to share between threads, and between stores on
/// different executors.
class token_cache : public std::enable_shared_from_this<token_cache> {
public:
    using wall_clock = std::function<access_token::time_point()>;
    using steady_clock = std::function<std::chrono::steady_clock::time_point()>;

    /// Tokens expire by the one clock; by the other, which nobody sets, the cache knows how long ago a
    /// request failed, or a token was refused.
    explicit token_cache(std::shared_ptr<token_credential> source,
                         wall_clock now = &std::chrono::system_clock::now,
                         steady_clock ticks = &std::chrono::steady_clock::now);
    ~token_cache();

    /// An empty one, of the same source.
    std::shared_ptr<token_cache> copy() const { return std::make_shared<token_cache>(source_, now_, ticks_); }

    /// The token for `request`, if there is one that nothing need be done about. Empty: ask `token`.
    secret at_hand(const token_request& request) const;

    /// A token for `request`, other than `rejected`, which the service did not take.
    ///
    /// A request under way belongs to no call: it goes on when the call that began it is cancelled, as long
    /// as another waits for it. When a new token is due but the old one still holds, one call asks for it,
    /// and makes do with the old one if it gets none; the others go on with the old one.
    ///
    /// Errors: those of the source, errc::timed_out at the caller's deadline.
    asio::awaitable<secret> token(token_request request, secret rejected, token_caller caller);

    /// The service refused this token, and no answer to that is known: the next call asks for another, at
    /// most twice a minute.
    void distrust(const token_request& request, const secret& rejected);

private:
    class flight;
    class runway;
    class seat;
    class entry;
    class boarding;

    entry* find(const token_request& request) const;
    void give_up_lost(const token_request& request);
    boarding board(const token_request& request, const secret& rejected, const token_caller& caller);
    void start(std::shared_ptr<flight> f, std::shared_ptr<runway> on);
    static asio::awaitable<void> fly(std::shared_ptr<token_cache> self, std::shared_ptr<flight> f,
                                     std::shared_ptr<runway> on);
    void land(flight& f, std::optional<access_token> token, std::exception_ptr failure);
    void abandon(flight& f) noexcept;
    void end(flight& f) noexcept;

    const std::shared_ptr<token_credential> source_;
    const wall_clock now_;
    const steady_clock ticks_;
    mutable std::mutex mutex_;                    // guards what follows, and what is in it
    std::vector<std::unique_ptr<entry>> entries_; // few: one for each scope and tenant
};

} // namespace azkv::identity
