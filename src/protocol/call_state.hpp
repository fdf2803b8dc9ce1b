// Retries: which responses, when, how often. No I/O.
#pragma once

#include "protocol/message.hpp"
#include "protocol/retry_budget.hpp"

#include <boost/system/error_code.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <random>
#include <string_view>

namespace azkv::protocol {

/// Why another attempt is worth it, and how long to wait for it.
class retry {
public:
    retry(std::chrono::milliseconds first_pause, std::string_view reason)
        : first_pause(first_pause), reason(reason) {}

    std::chrono::milliseconds first_pause;
    std::string_view reason;     // a literal
    bool until_deadline = false; // however many attempts it takes; the service is in no trouble
};

/// The two clocks, read at one moment.
class clocks {
public:
    clocks() {}

    static clocks now() {
        clocks c;
        c.steady = std::chrono::steady_clock::now();
        c.wall = std::chrono::system_clock::now();
        return c;
    }

    std::chrono::steady_clock::time_point steady;
    std::chrono::system_clock::time_point wall;
};

/// How long the service asks to be left alone, if it does.
std::optional<std::chrono::milliseconds> retry_hint(const response& r, const clocks& now);

/// Whether the service would have done it at another time: calls come too fast for it.
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

    /// Whether an answer is worth another attempt.
    using rule = std::optional<retry> (*)(const response&, const retry_policy&);
    rule judge = &common_rule;

    /// 408, 429, 500, 502, 503 and 504 are.
    static std::optional<retry> common_rule(const response&, const retry_policy&);

    /// So is a table that is being deleted, which may take a minute, to those who want to write to it.
    static std::optional<retry> write_rule(const response&, const retry_policy&);
};

/// One logical call with its retries, as a state machine: no socket, no clock, no randomness of its own.
class call_state {
public:
    enum class action {
        done, ///< the response is the answer, good or bad
        wait, ///< wait for `delay()`, then send again
        fail, ///< the network error is the answer
    };

    /// `budget`: what retries are taken out of; null: unlimited.
    call_state(const retry_policy& policy, std::chrono::steady_clock::time_point deadline, std::uint32_t seed,
               retry_budget* budget = nullptr)
        : policy_(policy), deadline_(deadline), random_(seed), budget_(budget) {}

    /// A response arrived. `earlier`: what an earlier sending in the same attempt may have done.
    action on_response(const response& r, protocol::applied earlier, const clocks& now);

    /// The exchange failed. `sent`: what its sendings may have done.
    action on_error(boost::system::error_code ec, protocol::applied sent, const clocks& now);

    /// The service refused the request only because requests come too fast: see `is_throttled`. That does not
    /// count as a failed attempt; the request is sent again when its turn comes, however often that takes.
    action on_throttled(const response& r, protocol::applied earlier);

    /// The attempt that was to follow is not made, because too many others wait, or its turn came too late.
    void withdraw(bool late) {
        reason_ = late && attempt_ > 1 ? no_time_left : "";
        if (attempt_ > 1) --attempt_;
    }

    /// The call goes on with another request. Failed attempts stay counted; `attempt()` begins anew.
    void next_request(const success_statuses& success, protocol::idempotency i);

    /// What a sending whose response is not judged may have done.
    void remember(protocol::applied a) { applied_ = either(applied_, a); }

    std::chrono::milliseconds delay() const { return delay_; }

    static constexpr std::string_view no_attempt_left = "no attempt is left";
    static constexpr std::string_view no_time_left = "no time is left for another attempt";
    static constexpr std::string_view outcome_is_unknown = "repeating it might do it twice";

    /// Why there is another attempt, or why there is none although it was worth one; empty for other answers.
    std::string_view reason() const { return reason_; }

    /// How many requests were, or are now to be, sent.
    int attempt() const { return attempt_; }

    /// Where the next request goes.
    bool at_secondary() const { return at_secondary_; }

    /// What the attempts so far did.
    protocol::applied applied() const { return applied_; }

private:
    action again(const retry& why, std::optional<std::chrono::milliseconds> hint, action otherwise,
                 const clocks& now);
    action back_to_primary();
    bool may_repeat();

    retry_policy policy_;
    std::chrono::steady_clock::time_point deadline_;
    std::minstd_rand random_;
    retry_budget* budget_;
    int attempt_ = 1;  // of the request
    int counted_ = 1;  // attempts that the policy limits
    int backoffs_ = 1; // attempts that make pauses longer
    bool at_secondary_ = false;
    protocol::applied applied_ = applied::no;
    std::chrono::milliseconds delay_{0};
    std::string_view reason_;
};

} // namespace azkv::protocol
