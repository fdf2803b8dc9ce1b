// Retries: which responses, when, how often. No I/O, no clock.
#pragma once

#include "protocol/clocks.hpp"
#include "protocol/message.hpp"
#include "protocol/retry_budget.hpp"

#include <boost/system/error_code.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <random>
#include <string_view>

namespace azkv::protocol {

/// The reason for another attempt, and the pause before it.
class retry {
public:
    retry(std::chrono::milliseconds first_pause, std::string_view reason)
        : first_pause(first_pause), reason(reason) {}

    std::chrono::milliseconds first_pause;
    std::string_view reason;     // a literal
    bool until_deadline = false; // the attempts are not limited: the service is healthy
};

/// Returns the pause that the service requests, if it does.
std::optional<std::chrono::milliseconds> retry_hint(const response& r, const clocks& now);

/// Returns true if the service refused the request only because requests arrive too fast.
bool is_throttled(const response& r);

/// When to try again.
class retry_policy {
public:
    retry_policy() {}

    int max_attempts = 4;
    std::chrono::milliseconds first{100};
    std::chrono::milliseconds longest{10'000};
    bool secondary = false; // every other attempt may go to the secondary endpoint
    success_statuses success{200};
    protocol::idempotency idempotency = idempotency::idempotent;

    /// Returns whether, and how, a response is retried.
    using rule = std::optional<retry> (*)(const response&, const retry_policy&);
    rule judge = &common_rule;

    /// Retries 408, 429, 500, 502, 503 and 504.
    static std::optional<retry> common_rule(const response&, const retry_policy&);

    /// Retries a write to a table that is being deleted, too. The deletion may take a minute.
    static std::optional<retry> write_rule(const response&, const retry_policy&);
};

/// One logical call with its retries, as a state machine. Time and the random seed are arguments.
class call_state {
public:
    enum class action {
        done, ///< the response is final, whether a success or not
        wait, ///< wait for `delay()`, then send again
        fail, ///< the network error is final
    };

    /// `budget` pays for the retries; null: unlimited.
    call_state(const retry_policy& policy, std::chrono::steady_clock::time_point deadline, std::uint32_t seed,
               retry_budget* budget = nullptr)
        : policy_(policy), deadline_(deadline), random_(seed), budget_(budget) {}

    /// A response arrived. `earlier` is what a first send in the same attempt may have done.
    action on_response(const response& r, protocol::applied earlier, const clocks& now);

    /// The exchange failed. `sent` is what its sends may have done.
    action on_error(boost::system::error_code ec, protocol::applied sent, const clocks& now);

    /// The service throttled the request (see `is_throttled`). That does not count as a failed attempt: the
    /// request is sent again when its turn comes, as often as necessary.
    action on_throttled(const response& r, protocol::applied earlier);

    /// A request that was refused has to be sent again, because the reason is gone.
    action send_again(const clocks& now);

    /// The next attempt is not made, because too many calls wait or its turn would come too late.
    void withdraw(bool late) {
        reason_ = late && attempt_ > 1 ? no_time_left : "";
        if (attempt_ > 1) --attempt_;
    }

    /// The call continues with another request. Failed attempts stay counted; `attempt()` is 1 again.
    void next_request(const success_statuses& success, protocol::idempotency i);

    /// Records what a send may have done whose response is not judged.
    void remember(protocol::applied a) { applied_ = combined(applied_, a); }

    std::chrono::milliseconds delay() const { return delay_; }

    static constexpr std::string_view no_attempt_left = "no attempt is left";
    static constexpr std::string_view no_time_left = "no time is left for another attempt";
    static constexpr std::string_view outcome_is_unknown = "a retry could apply it twice";

    /// Returns why another attempt follows, or why none does although one might help; otherwise empty.
    std::string_view reason() const { return reason_; }

    /// Returns the number of the current attempt of the request, from 1.
    int attempt() const { return attempt_; }

    /// Returns true if the next request goes to the secondary endpoint.
    bool at_secondary() const { return at_secondary_; }

    /// Returns what the attempts so far may have done.
    protocol::applied applied() const { return applied_; }

private:
    action schedule_retry(const retry& why, std::optional<std::chrono::milliseconds> hint, action otherwise,
                          const clocks& now);
    action back_to_primary();
    bool may_repeat();

    retry_policy policy_;
    std::chrono::steady_clock::time_point deadline_;
    std::minstd_rand random_;
    retry_budget* budget_;
    int attempt_ = 1;  // of the request
    int counted_ = 1;  // attempts of the call that the policy limits
    int backoffs_ = 1; // attempts that lengthen the pauses
    bool at_secondary_ = false;
    protocol::applied applied_ = applied::no;
    std::chrono::milliseconds delay_{0};
    std::string_view reason_;
};

} // namespace azkv::protocol
