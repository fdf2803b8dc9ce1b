#include "protocol/call_state.hpp"

#include "protocol/http_date.hpp"

#include <azkv/error.hpp>

#include <algorithm>
#include <charconv>

namespace azkv::protocol {

namespace {

using std::chrono::milliseconds;

constexpr std::chrono::seconds longest_hint{
    1'000'000'000}; // far beyond any deadline; nothing overflows below

std::optional<long long> whole_number(const std::string& text) {
    long long n = 0;
    const char* const end = text.data() + text.size();
    const auto result = std::from_chars(text.data(), end, n);
    if (text.empty() || result.ec != std::errc{} || result.ptr != end || n < 0) return std::nullopt;
    return std::min<long long>(n, longest_hint.count());
}

// How long the service asks to be left alone.
std::optional<milliseconds> retry_hint(const response& r, const clocks& now) {
    if (const auto ms = whole_number(r.retry_after_ms)) return milliseconds(*ms);
    if (const auto s = whole_number(r.retry_after)) return std::chrono::seconds(*s);
    if (r.retry_after.empty()) return std::nullopt;
    const auto at = parse_http_date(r.retry_after);
    if (!at) return std::nullopt;
    const auto pause = *at - std::chrono::floor<std::chrono::seconds>(now.wall);
    return std::clamp<std::chrono::seconds>(pause, std::chrono::seconds(0), longest_hint);
}

} // namespace

std::optional<milliseconds> retry_policy::common_rule(unsigned status, const retry_policy& p) {
    const bool transient =
        status == 408 || status == 429 || status == 500 || status == 502 || status == 503 || status == 504;
    return transient ? std::optional(p.first) : std::nullopt;
}

call_state::action call_state::on_response(const response& r, bool maybe_applied, const clocks& now) {
    remember(maybe_applied);
    const auto first = policy_.first_pause(r.status, policy_);
    if (!first) return action::done;
    // A throttled request was refused. The others may have been carried out all the same:
    // https://learn.microsoft.com/rest/api/storageservices/setting-timeouts-for-table-service-operations
    if (r.status != 429) maybe_applied_ = true;
    return again(retry_hint(r, now), *first, action::done, now);
}

call_state::action call_state::on_error(boost::system::error_code ec, bool maybe_applied, const clocks& now) {
    remember(maybe_applied);
    if (ec != condition::transient) return action::fail;
    return again(std::nullopt, policy_.first, action::fail, now);
}

call_state::action call_state::again(std::optional<milliseconds> hint, milliseconds first, action otherwise,
                                     const clocks& now) {
    if (attempt_ >= policy_.max_attempts) return otherwise;
    milliseconds ceiling = first;
    for (int i = 1; i < attempt_ && ceiling < policy_.longest; ++i) ceiling *= 2;
    ceiling = std::min(ceiling, policy_.longest);
    std::uniform_int_distribution<milliseconds::rep> jitter(ceiling.count() / 2, ceiling.count());
    delay_ = hint ? *hint : milliseconds(jitter(random_));
    if (delay_ >= deadline_ - now.steady) return otherwise; // no time left for another attempt
    ++attempt_;
    return action::wait;
}

} // namespace azkv::protocol
