#include "protocol/call_state.hpp"

#include "protocol/http_date.hpp"
#include "protocol/service_error.hpp"
#include "support/whole_number.hpp"

#include <azkv/error.hpp>

#include <algorithm>
#include <limits>

namespace azkv::protocol {

namespace {

using std::chrono::milliseconds;

constexpr std::chrono::seconds longest_hint{
    1'000'000'000}; // far beyond any deadline; prevents overflow below

std::optional<long long> read_hint(const std::string& text) {
    const auto n = support::whole_number<long long>(text, 0, std::numeric_limits<long long>::max());
    return n ? std::optional(std::min<long long>(*n, longest_hint.count())) : std::nullopt;
}

// Rejected requests were not applied. A request may have been applied if the service or an intermediary
// failed, or if it succeeded with an unexpected status.
// https://learn.microsoft.com/rest/api/storageservices/setting-timeouts-for-table-service-operations
applied applied_by(const response& r, const retry_policy& p) {
    if (p.success.contains(r.status)) return applied::yes;
    const bool failed_at = r.status == 408 || (r.status >= 500 && r.status != 501);
    return r.status < 400 || failed_at ? applied::unknown : applied::no;
}

} // namespace

// A date in the header is relative to the service's clock, so it is compared with the date of the response.
std::optional<milliseconds> retry_hint(const response& r, const clocks& now) {
    if (const auto ms = read_hint(r.retry_after_ms)) return milliseconds(*ms);
    if (const auto s = read_hint(r.retry_after)) return std::chrono::seconds(*s);
    if (r.retry_after.empty()) return std::nullopt;
    const auto at = parse_http_date(r.retry_after);
    if (!at) return std::nullopt;
    const auto answered = parse_http_date(r.date);
    const auto pause = *at - answered.value_or(std::chrono::floor<std::chrono::seconds>(now.wall));
    return std::clamp<std::chrono::seconds>(pause, std::chrono::seconds(0), longest_hint);
}

// A 503 without the service's code may come from an intermediary. A 429 has no other meaning.
// https://learn.microsoft.com/rest/api/storageservices/table-service-error-codes
bool is_throttled(const response& r) {
    return r.status == 429 || (r.status == 503 && r.own_code() == "ServerBusy");
}

std::optional<retry> retry_policy::common_rule(const response& r, const retry_policy& p) {
    switch (r.status) {
    case 408: return retry(p.first, "the service timed out");
    case 429: return retry(p.first, "throttled");
    case 500:
    case 502:
    case 504: return retry(p.first, "the service failed");
    case 503: return retry(p.first, "the service is busy");
    default: return std::nullopt;
    }
}

std::optional<retry> retry_policy::write_rule(const response& r, const retry_policy& p) {
    if (r.status != 409 || r.own_code() != "TableBeingDeleted") return common_rule(r, p);
    // https://learn.microsoft.com/rest/api/storageservices/delete-table
    retry slow(std::chrono::seconds(1), "the table is being deleted");
    slow.until_deadline = true;
    return slow;
}

call_state::action call_state::on_response(const response& r, protocol::applied earlier, const clocks& now) {
    remember(combined(earlier, applied_by(r, policy_)));
    const auto why = policy_.judge(r, policy_);
    if (!why) {
        // The primary may have, or allow, what the secondary does not. A listing continues where it began.
        const bool final = policy_.success.contains(r.status) && !r.next_partition_key && !r.next_row_key;
        if (at_secondary_ && !final) return back_to_primary();
        reason_ = "";
        return action::done;
    }
    return schedule_retry(*why, retry_hint(r, now), action::done, now);
}

call_state::action call_state::on_error(boost::system::error_code ec, protocol::applied sent,
                                        const clocks& now) {
    remember(sent);
    if (ec != condition::transient) {
        if (at_secondary_ && ec != errc::closed) return back_to_primary();
        reason_ = "";
        return action::fail;
    }
    const bool late = ec == condition::timed_out;
    return schedule_retry(retry(policy_.first, late ? "timed out" : "the connection failed"), std::nullopt,
                          action::fail, now);
}

call_state::action call_state::on_throttled(const response& r, protocol::applied earlier) {
    remember(combined(earlier, applied_by(r, policy_)));
    if (policy_.max_attempts == 1) {
        reason_ = no_attempt_left;
        return action::done;
    }
    if (!may_repeat()) return action::done;
    reason_ = "throttled, waits for its turn";
    delay_ = milliseconds(0);
    ++attempt_;
    return action::wait;
}

call_state::action call_state::send_again(const clocks& now) {
    return schedule_retry(retry(policy_.first, "the row has changed meanwhile"), std::nullopt, action::done,
                          now);
}

// After a send whose outcome is unknown only idempotent requests are repeated.
bool call_state::may_repeat() {
    if (policy_.idempotency == idempotency::idempotent || applied_ == applied::no) return true;
    reason_ = outcome_is_unknown;
    return false;
}

void call_state::next_request(const success_statuses& success, protocol::idempotency i) {
    policy_.success = success;
    policy_.idempotency = i;
    attempt_ = 1;
    applied_ = applied::no;
    reason_ = "";
}

call_state::action call_state::schedule_retry(const retry& why, std::optional<milliseconds> hint,
                                              action otherwise, const clocks& now) {
    const bool is_last = why.until_deadline ? policy_.max_attempts == 1 : counted_ >= policy_.max_attempts;
    if (is_last) {
        reason_ = no_attempt_left;
        return otherwise;
    }
    if (!may_repeat()) return otherwise;
    milliseconds ceiling = why.first_pause;
    for (int i = 1; i < backoffs_ && ceiling < policy_.longest; ++i) ceiling *= 2;
    ceiling = std::min(ceiling, policy_.longest);
    const auto by_chance = [this](milliseconds least, milliseconds most) {
        return milliseconds(
            std::uniform_int_distribution<milliseconds::rep>(least.count(), most.count())(random_));
    };
    const milliseconds own = by_chance(ceiling / 2, ceiling);
    // Not before the time that the service requests, spread over time, and never at once.
    delay_ = own;
    if (hint) delay_ = std::max(own, *hint + by_chance(milliseconds(0), *hint / 10));
    if (delay_ >= deadline_ - now.steady) {
        reason_ = no_time_left;
        return otherwise;
    }
    if (!why.until_deadline && budget_ && !budget_->spend(now.steady)) {
        reason_ = "the retry budget is used up";
        return otherwise;
    }
    reason_ = why.reason;
    if (!why.until_deadline) ++counted_;
    ++backoffs_;
    at_secondary_ = policy_.secondary && !at_secondary_;
    ++attempt_;
    return action::wait;
}

// The rest of the call stays at the primary. This does not count as an attempt, because only the
// primary's response is final.
call_state::action call_state::back_to_primary() {
    policy_.secondary = false;
    at_secondary_ = false;
    reason_ = "the secondary could not serve it";
    delay_ = milliseconds(0);
    ++backoffs_;
    ++attempt_;
    return action::wait;
}

} // namespace azkv::protocol
