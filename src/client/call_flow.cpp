#include "client/call_flow.hpp"

#include "client/missing.hpp"
#include "client/service_context.hpp"
#include "identity/tokens/token_provider.hpp"
#include "net/transport.hpp"
#include "protocol/batch.hpp"
#include "protocol/lost_write.hpp"
#include "protocol/requests.hpp"
#include "support/counted.hpp"

#include <azkv/error.hpp>

#include <algorithm>
#include <cmath>
#include <utility>

namespace azkv::client {

namespace {

bool may_use_secondary(const service_context& service, const protocol::request& r) {
    return service.secondary && r.effect == protocol::effect::reads && !r.is_continuation && !r.only_primary;
}

protocol::retry_policy policy_for(const service_context& service, const call_settings& settings,
                                  const protocol::request& r) {
    protocol::retry_policy p;
    p.max_attempts = settings.max_attempts;
    p.first = service.options.first_backoff();
    p.longest = service.options.longest_backoff();
    p.secondary = may_use_secondary(service, r);
    p.success = r.success;
    // A write that can be resolved is sent again only once it is known not to be applied.
    p.idempotency = r.resolver ? protocol::idempotency::idempotent : r.idempotency;
    if (!r.table.empty()) p.judge = &protocol::retry_policy::write_rule;
    return p;
}

// `waiting for its turn at example.com: timed out (paced: 12 calls wait, 1993 entities a second)`
std::string describe_pace(errc why, const pacing::summary& pace, const protocol::endpoint& at) {
    return "waiting for its turn at " + at.host_header + ": " + make_error_code(why).message()
           + " (paced: " + support::calls_that_wait(pace.waiting) + ", "
           + std::to_string(std::lround(pace.rate)) + " entities a second)";
}

} // namespace

call_flow::call_flow(const service_context& service, const call_settings& settings,
                     const protocol::request& r, std::chrono::steady_clock::time_point deadline,
                     std::uint32_t seed, call_result& into)
    : service_(service), request_(r), result_(into), may_use_secondary_(may_use_secondary(service, r)),
      deadline_(deadline), state_(policy_for(service, settings, r), deadline, seed, service.budget.get()) {
    service.budget->earn();
}

const protocol::endpoint& call_flow::target() const {
    return state_.at_secondary() ? *service_.secondary : service_.endpoint;
}

protocol::applied call_flow::applied() const {
    const bool counts = request().effect == protocol::effect::changes_entities;
    return counts ? combined(applied_, state_.applied()) : applied_;
}

call_flow::step call_flow::next_sending() {
    const auto& tokens = service_.tokens;
    if (tokens && !challenge_ && !tokens->must_discover()) {
        token_ = tokens->try_get_cached();
        if (token_.empty()) {
            wanted_ = tokens->request();
            return step::get_token;
        }
    }
    return keeps_pace() ? step::wait_turn : step::send;
}

call_flow::step call_flow::token_ready(secret token) {
    token_ = std::move(token);
    return keeps_pace() ? step::wait_turn : step::send;
}

call_flow::step call_flow::turn_missed(bool late, const pacing::summary& pace) {
    state_.withdraw(late);
    if (stage_ == stage::resolving) return fail_in_doubt();
    if (verdict_.throttled) return step::done; // with the service's refusal as the result
    const errc why = late ? errc::timed_out : errc::overloaded;
    return fail(why, describe_pace(why, pace, target()) + retry_summary());
}

call_flow::step call_flow::exchanged(net::exchange& x, const protocol::clocks& now) {
    verdict_ = verdict();
    verdict_.attempt = state_.attempt();
    if (is_challenged(x)) {
        state_.remember(x.applied);
        verdict_.challenged = true;
        verdict_.next_after = std::chrono::milliseconds(0);
        verdict_.reason = "the service requires another token";
        return step::get_token;
    }
    return unwrap(x) ? judge(x, now) : step::done;
}

// Returns true if another token may help; then sets which one to request.
bool call_flow::is_challenged(const net::exchange& x) {
    const auto& tokens = service_.tokens;
    if (!tokens || challenge_ || x.error || x.response.status != 401 || state_.at_secondary()) return false;
    challenge_ = wanted_ = tokens->request_for_challenge(x.response);
    if (!challenge_) tokens->invalidate(token_);
    return challenge_.has_value();
}

// Replaces the response to a batch by that of the operation in it that failed. Returns false if the response
// is not valid.
bool call_flow::unwrap(net::exchange& x) {
    if (x.error || request().batch_size == 0) return true;
    try {
        x.response = protocol::unwrap_batch(std::move(x.response), request().batch_size);
        return true;
    } catch (const error& e) {
        state_.remember(protocol::applied::unknown);
        verdict_.reason = "the response was not understood";
        verdict_.understood = false;
        fail(e.code(), e.what());
        return false;
    }
}

call_flow::step call_flow::judge(net::exchange& x, const protocol::clocks& now) {
    using action = protocol::call_state::action;
    const protocol::response& r = x.response;
    result_.succeeded = !x.error && request().success.contains(r.status);
    verdict_.throttled = !result_.succeeded && !x.error && protocol::is_throttled(r);
    // Its errors about the account are in a form that others use, too.
    verdict_.understood = result_.succeeded || !r.request_id.empty() || !r.own_code().empty();
    action next;
    if (x.overloaded) {
        state_.withdraw(false);
        next = action::fail;
    } else if (x.error) {
        next = state_.on_error(x.error, x.applied, now);
    } else {
        // This response says nothing about the attempts before it.
        result_.applied_earlier = combined(applied_, combined(state_.applied(), x.applied));
        next = verdict_.throttled && keeps_pace() ? state_.on_throttled(r, x.applied)
                                                  : state_.on_response(r, x.applied, now);
    }
    verdict_.reason = state_.reason();
    if (is_in_doubt(x)) return begin_resolving(x, next == action::wait, now);
    if (next == action::wait) return pause(state_.delay());
    if (stage_ == stage::resolving) return resolve(x, now);
    if (next == action::fail) return fail(x.error, net::describe(x, target().host_header) + retry_summary());
    return finish_request();
}

call_flow::step call_flow::pause(std::chrono::milliseconds time) {
    verdict_.next_after = delay_ = time;
    return step::pause;
}

// Returns true if the request may have been applied, but its response is not that of success: lost, or a
// refusal that may be due to an earlier send of its own. A throttled request waits for its turn first.
bool call_flow::is_in_doubt(const net::exchange& x) const {
    if (!request_.resolver || stage_ != stage::sending || result_.succeeded) return false;
    if (verdict_.throttled || x.overloaded || applied() == protocol::applied::no) return false;
    const protocol::response& r = result_.response;
    return x.error || r.status >= 500 || r.status < 400 || r.status == 408
           || request_.resolver->conflict_in(r) != conflict::none;
}

call_flow::step call_flow::begin_resolving(const net::exchange& x, bool may_send_again,
                                           const protocol::clocks& now) {
    send_again_at_.reset();
    std::string summary = retry_summary();
    if (may_send_again) {
        send_again_at_ = now.steady + state_.delay();
        summary = retry_summary(verdict_.attempt, {}); // without the attempt that may follow
    }
    if (x.error)
        fail(x.error, net::describe(x, target().host_header) + summary);
    else
        result_.retry_summary = std::move(summary);
    doubtful_ = std::make_unique<const call_result>(result_);
    question_ = std::make_unique<const protocol::request>(request_.resolver->question());
    verdict_.next_after = std::chrono::milliseconds(0);
    if (verdict_.reason.empty()) verdict_.reason = "its outcome is not known";
    const step next = switch_to(stage::resolving);
    result_.error = {};
    return next;
}

// The outcome remains unknown: the result is the failure that left the doubt.
call_flow::step call_flow::fail_in_doubt() {
    stage_ = stage::sending;
    result_ = *doubtful_;
    failed_in_doubt_ = true;
    return step::done;
}

// The read that decides is over.
call_flow::step call_flow::resolve(const net::exchange& x, const protocol::clocks& now) {
    using outcome = protocol::lost_write::verdict;
    using action = protocol::call_state::action;
    outcome found = outcome::unknown;
    if (!x.error) {
        try {
            found = request_.resolver->judge(result_.response, now);
        } catch (const error&) { // not the service's response: it remains unknown
        }
    }
    stage_ = stage::sending;
    state_.next_request(request_.success, protocol::idempotency::idempotent); // forgets the read
    result_.error = {};
    result_.succeeded = found == outcome::applied;
    if (found == outcome::applied || found == outcome::lost) return step::done;
    if (found == outcome::unknown) return fail_in_doubt();
    // A refusal whose reason is gone, such as that of an insert whose key was erased meanwhile.
    const bool refused =
        !doubtful_->error && request_.resolver->conflict_in(doubtful_->response) != conflict::none;
    if (!send_again_at_ && refused && state_.send_again(now) == action::wait)
        send_again_at_ = now.steady + state_.delay();
    if (!send_again_at_ || std::max(*send_again_at_, now.steady) >= deadline_) return fail_in_doubt();
    switch_to(stage::sending);
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(*send_again_at_ - now.steady);
    return pause(std::max(left, std::chrono::milliseconds(0)));
}

call_flow::step call_flow::finish_request() {
    if (stage_ == stage::sending && misses_table()) {
        creation_ = std::make_unique<const protocol::request>(protocol::create_table(request_.table));
        return switch_to(stage::creating);
    }
    if (stage_ == stage::sending) return step::done;
    // Another caller, or an attempt whose response was lost, may have created the table first.
    const protocol::response& r = result_.response;
    const bool exists = result_.succeeded || (r.status == 409 && r.own_code() == "TableAlreadyExists");
    return exists ? switch_to(stage::sending) : step::done;
}

// A table that is being deleted has another status, 409, which is retried.
bool call_flow::misses_table() const {
    return !request_.table.empty() && !creation_ && result_.response.status == 404
           && is_table_missing(result_.response, service_.mode);
}

call_flow::step call_flow::switch_to(stage next) {
    applied_ = applied(); // a lost attempt may still arrive when the table exists
    keep_challenge();
    stage_ = next;
    verdict_.throttled = false;
    service_.budget->earn();
    earlier_retries_ += state_.attempt() - 1;
    const bool resolvable = request().resolver != nullptr;
    state_.next_request(request().success,
                        resolvable ? protocol::idempotency::idempotent : request().idempotency);
    return next_sending();
}

call_flow::step call_flow::fail(boost::system::error_code why, std::string text) {
    // Drops the source location that the code may carry.
    result_.error = boost::system::error_code(why.value(), why.category());
    result_.why = std::move(text);
    result_.succeeded = false;
    return step::done;
}

void call_flow::settle() {
    if (result_.error) result_.response = protocol::response();
    if (result_.succeeded || result_.error)
        result_.retry_summary.clear();
    else if (!failed_in_doubt_)
        result_.retry_summary = retry_summary();
    result_.applied = applied();
    result_.creating_table = stage_ == stage::creating;
    keep_challenge();
}

// The service did not reject the token that it had asked for: later requests begin with such a one.
void call_flow::keep_challenge() {
    if (!challenge_ || result_.error || result_.response.status == 401) return;
    service_.tokens->remember(*challenge_);
    challenge_.reset();
}

// `, after 3 attempts; the retry budget is used up`
std::string call_flow::retry_summary(int attempt, std::string_view reason) const {
    std::string text;
    const int attempts = earlier_retries_ + attempt;
    if (attempts > 1) text.append(", after " + std::to_string(attempts) + " attempts");
    const bool has_reason = !reason.empty() && reason != protocol::call_state::no_attempt_left;
    if (has_reason) text.append("; ").append(reason);
    return text;
}

} // namespace azkv::client
