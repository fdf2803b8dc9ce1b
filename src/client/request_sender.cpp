#include "client/request_sender.hpp"

#include "client/missing.hpp"
#include "async/cancellation.hpp"
#include "protocol/batch.hpp"
#include "protocol/call_state.hpp"
#include "protocol/requests.hpp"
#include "protocol/service_error.hpp"
#include "support/counted.hpp"

#include <azkv/config.hpp>

#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/this_coro.hpp>
#include <openssl/rand.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <utility>

namespace azkv {

using std::chrono::steady_clock;

namespace {

// The oldest version whose 401 names the authority to ask for a token.
// https://learn.microsoft.com/rest/api/storageservices/versioning-for-the-azure-storage-services
constexpr std::string_view service_version = "2020-12-06";

// What is the same in all requests to an endpoint, behind their targets.
std::string fixed_head(const protocol::endpoint& at) {
    std::string head = " HTTP/1.1\r\nHost: " + at.host_header + "\r\n";
    head.append("User-Agent: azkv/" AZKV_VERSION_STRING "\r\n"
                "Accept: application/json;odata=minimalmetadata\r\n"
                "DataServiceVersion: 3.0\r\n"
                "MaxDataServiceVersion: 3.0;NetFx\r\n");
    head.append("x-ms-version: ").append(service_version).append("\r\n");
    head.append("x-ms-client-request-id: ");
    return head;
}

// Looks into the answer to a batch: one of its operations may have failed.
void unwrap(operation& op, const protocol::request& r, net::exchange& x, protocol::call_state& state,
            client::time_point began) {
    try {
        x.response = protocol::unwrap_batch(std::move(x.response), r.batch_size);
    } catch (const error& e) {
        state.remember(true);
        op.sent(r, x, state.attempt(), began, std::nullopt, "the answer was not understood");
        op.fail(e.code(), e.what(), e.details());
    }
}

// `, after 3 attempts; the retry budget is used up`
std::string tries(const protocol::call_state& state) {
    std::string text;
    if (state.attempt() > 1) text.append(", after " + std::to_string(state.attempt()) + " attempts");
    const std::string_view reason = state.reason();
    const bool tells_more = !reason.empty() && reason != protocol::call_state::no_attempt_left;
    if (tells_more) text.append("; ").append(reason);
    return text;
}

/// All the words of an engine's state at once. (One by one from the system, as Boost's generator takes them,
/// they are most of the time that making a store takes.)
class seed {
public:
    using result_type = std::uint_least32_t;

    template <class Iterator>
    void generate(Iterator begin, Iterator end) const {
        const support::fork_pause pause; // OpenSSL has locks
        const auto size = static_cast<std::size_t>(end - begin) * sizeof *begin;
        const bool done =
            RAND_bytes(reinterpret_cast<unsigned char*>(std::to_address(begin)), static_cast<int>(size)) == 1;
        if (!done) throw std::runtime_error("OpenSSL has no random numbers");
    }
};

std::mt19937_64 seeded() {
    seed s;
    return std::mt19937_64(s);
}

} // namespace

client::client(asio::any_io_executor executor, bool executor_outlives_calls,
               std::shared_ptr<const azkv::account> account, std::shared_ptr<net::transport> transport)
    : executor_(std::move(executor)), process_(async::owner_of_context(executor_)),
      executor_outlives_calls_(executor_outlives_calls), account_(std::move(account)),
      transport_(std::move(transport)), fixed_head_(fixed_head(account_->endpoint)),
      fixed_secondary_head_(account_->secondary ? fixed_head(*account_->secondary) : std::string()),
      cleared_(account_->tracker, [t = transport_.get()] { t->close(); }), random_(seeded()) {}

uuid_text client::new_id() const {
    // Where nothing can be sent: another thread of the parent may have held the mutex.
    if (*process_ != support::process_number()) return uuid_text(boost::uuids::uuid());
    const std::lock_guard lock(ids_mutex_);
    if (const unsigned process = support::process_number(); process != ids_process_) {
        random_ = seeded();
        ids_process_ = process;
    }
    return uuid_text(ids_());
}

class client::request_head final : public net::head_writer {
public:
    /// All of these must outlive it.
    request_head(const client& c, const operation& op, const protocol::request& r,
                 const protocol::endpoint& at, const secret& token)
        : client_(c), op_(op), request_(r), at_(at), token_(token) {}

    std::string write() const override { return client_.head(op_, request_, at_, token_); }

private:
    const client& client_;
    const operation& op_;
    const protocol::request& request_;
    const protocol::endpoint& at_;
    const secret& token_;
};

// All but the body. The date and the signature in it are of this moment.
std::string client::head(const operation& op, const protocol::request& r, const protocol::endpoint& at,
                         const secret& token) const {
    const auto& signer = account_->signer;
    const std::string_view credential = signer ? signer->query() : std::string_view();
    const std::string& fixed = &at == &account_->endpoint ? fixed_head_ : fixed_secondary_head_;
    const bool joins_body = r.body.size() <= net::longest_joined_body;

    std::string head;
    // Whole: growing would leave copies.
    head.reserve(at.base_path.size() + r.path.size() + r.query.size() + credential.size() + fixed.size()
                 + token.reveal().size() + op.trace().size() + (joins_body ? r.body.size() : 0) + 384);
    head.append(r.method).append(" ");
    const std::size_t target = head.size();
    head.append(at.base_path).append(r.path);
    if (!r.query.empty()) head.append("?").append(r.query);
    if (!credential.empty()) head.append(r.query.empty() ? "?" : "&").append(credential);
    const std::size_t target_end = head.size();
    head.append(fixed).append(op.id()).append("\r\n");
    head.append(op.trace());
    if (!r.if_match.empty()) head.append("If-Match: ").append(r.if_match).append("\r\n");
    if (!r.prefer.empty()) head.append("Prefer: ").append(r.prefer).append("\r\n");
    if (!r.content_type.empty()) {
        head.append("Content-Type: ").append(r.content_type).append("\r\n");
        head.append("Content-Length: ").append(std::to_string(r.body.size())).append("\r\n");
    }
    if (signer) {
        identity::signing_input input;
        input.method = r.method;
        input.content_type = r.content_type;
        input.target = std::string_view(head).substr(target, target_end - target);
        signer->append_headers(head, input, std::chrono::system_clock::now());
    } else if (!token.empty()) {
        head.append("Authorization: Bearer ").append(token.reveal()).append("\r\n");
    }
    head.append("\r\n");
    return head;
}

asio::awaitable<secret> client::token(operation& op, token_request request, secret rejected,
                                      time_point deadline) const {
    const identity::token_caller caller(executor_, executor_outlives_calls_, deadline, account_->tracker);
    try {
        co_return co_await account_->tokens->token(std::move(request), std::move(rejected), caller);
    } catch (const error& e) {
        op.fail(e.code(), std::string("logging in: ") + e.what(), e.details());
    }
}

asio::awaitable<void> client::pause(operation& op, std::chrono::milliseconds delay) const {
    const asio::cancellation_state cancellation = co_await asio::this_coro::cancellation_state;
    async::throw_if_cancelled(cancellation);
    if (delay.count() == 0) co_return;
    const auto over = std::make_shared<async::manual_reset_event>(executor_);
    const async::operation_tracker::abort_subscription cleared(account_->tracker, [over] { over->set(); });
    co_await over->wait(steady_clock::now() + delay);
    if (account_->tracker->is_aborted()) op.fail(errc::closed, make_error_code(errc::closed).message());
}

namespace {

// Looks into an answer from the primary endpoint, for what it says of how fast its calls may be.
void note_pace(operation& op, pacing::ticket& ticket, const net::exchange& x, bool throttled,
               const protocol::clocks& now) {
    const unsigned status = x.response.status;
    if (x.error)
        ticket.lost(x.error == errc::timed_out && !x.not_begun);
    else if (throttled)
        ticket.refused(protocol::retry_hint(x.response, now).value_or(std::chrono::milliseconds(0)));
    else if (status >= 500 || status == 408)
        ticket.lost(false);
    else
        ticket.accepted();
    for (const auto& news : ticket.take_news()) op.tell_pace(news);
}

// There is no answer to tell.
void set_failure(answer& a, boost::system::error_code ec, std::string why) {
    // Without the place in Asio's sources that the code may carry.
    a.error = boost::system::error_code(ec.value(), ec.category());
    a.why = std::move(why);
    a.response = protocol::response();
}

// `waiting for its turn at example.com: timed out (paced: 12 calls wait, 1993 entities a second)`
std::string describe_pace(errc why, const pacing::summary& pace, const protocol::endpoint& at) {
    return "waiting for its turn at " + at.host_header + ": " + make_error_code(why).message()
           + " (paced: " + support::calls_that_wait(pace.waiting) + ", "
           + std::to_string(std::lround(pace.rate)) + " entities a second)";
}

} // namespace

// Until it may send.
asio::awaitable<pacing::ticket::result> client::await_turn(operation& op, pacing::ticket& ticket,
                                                           time_point deadline) const {
    ticket.look();
    for (const auto& news : ticket.take_news()) op.tell_pace(news);
    const auto result = co_await ticket.wait(executor_, account_->tracker, deadline);
    if (result == pacing::ticket::result::closed)
        op.fail(errc::closed, make_error_code(errc::closed).message());
    op.require_own_process(); // other things ran meanwhile
    co_return result;
}

asio::awaitable<void> client::call(operation& op, const protocol::request& r, time_point deadline,
                                   answer& a) const {
    using action = protocol::call_state::action;
    const store_options& options = account_->options;
    protocol::retry_policy policy;
    policy.max_attempts = options.max_attempts();
    policy.first = options.first_backoff();
    policy.longest = options.longest_backoff();
    policy.secondary = r.method == "GET" && !r.continues && account_->secondary;
    policy.success = r.success;
    if (!r.content_type.empty()) policy.judge = &protocol::retry_policy::write_rule; // not an erasure
    a.error = {};
    protocol::call_state state(policy, deadline, op.seed(), account_->budget.get());
    const bool maybe_applied = a.maybe_applied;
    state.remember(maybe_applied);
    account_->budget->earn();
    const std::shared_ptr<identity::token_provider>& tokens = account_->tokens;
    pacing::ticket ticket(*account_->paces, *process_, op.about().collection,
                          std::max<std::size_t>(r.batch_size, 1));
    const bool keeps_pace = !policy.secondary; // what may go elsewhere does not wait here
    secret token;
    std::optional<token_request> answered; // what was asked for when the service challenged the first token
    bool throttled = false;                // by the last answer

    try {
        for (;;) {
            op.require_own_process(); // something that the last request called may have forked
            if (tokens && !answered && !tokens->must_discover()) {
                token = tokens->try_get_cached();
                if (token.empty()) token = co_await this->token(op, tokens->request(), secret(), deadline);
            }
            const bool at_secondary = state.at_secondary();
            const protocol::endpoint& at = at_secondary ? *account_->secondary : account_->endpoint;
            const int attempt = state.attempt();
            const time_point began = steady_clock::now();
            const bool in_line = keeps_pace && ticket.is_needed();
            auto result = pacing::ticket::result::go;
            if (in_line) result = co_await await_turn(op, ticket, deadline);
            if (result != pacing::ticket::result::go) {
                const bool late = result == pacing::ticket::result::late;
                const errc why = late ? errc::timed_out : errc::overloaded;
                state.withdraw(late);
                if (!throttled)
                    set_failure(a, why, describe_pace(why, ticket.summarize(), at) + tries(state));
                break;
            }
            const time_point turned = in_line ? steady_clock::now() : began;
            if (!ticket.is_paced()) ticket.sent(turned);
            if (a.response.status != 0) a.response = protocol::response(); // of an attempt before
            const request_head writer(*this, op, r, at, token);
            net::exchange x(a.response);
            x.to = &at.at;
            x.id = op.id();
            x.writer = &writer;
            x.body = r.body;
            x.deadline = deadline;
            x.attempt_timeout = options.attempt_timeout();
            if (ticket.is_paced()) x.paced = turned - began;
            co_await transport_->run(x);
            if (x.error == asio::error::operation_aborted) throw boost::system::system_error(x.error);
            if (x.unserved) op.tell_overload(*x.unserved);

            if (tokens && !x.error && a.response.status == 401 && !answered && !at_secondary) {
                answered = tokens->request_for_challenge(a.response);
                if (answered) {
                    state.remember(x.maybe_applied_before);
                    ticket.lost(false);
                    throttled = false;
                    op.sent(r, x, attempt, began, std::chrono::milliseconds(0), "another token is wanted");
                    token = co_await this->token(op, *answered, token, deadline);
                    continue;
                }
                tokens->invalidate(token);
            }
            if (!x.error && r.batch_size > 0) unwrap(op, r, x, state, began);
            a.succeeded = !x.error && r.success.contains(a.response.status);
            protocol::clocks now; // which a success is not judged by
            if (!a.succeeded) now = protocol::clocks::now();
            throttled = !a.succeeded && !x.error && protocol::is_throttled(a.response);
            if (keeps_pace) note_pace(op, ticket, x, throttled, now);
            action next;
            if (x.not_begun) {
                state.withdraw(false);
                next = action::fail;
            } else if (x.error) {
                next = state.on_error(x.error, x.maybe_applied, now);
            } else {
                // Remembered before this answer is judged: it says nothing of earlier sendings.
                a.maybe_applied_before = state.maybe_applied() || x.maybe_applied_before;
                next = throttled && keeps_pace ? state.on_throttled(a.response, x.maybe_applied_before)
                                               : state.on_response(a.response, x.maybe_applied_before, now);
            }
            const bool again = next == action::wait;
            if (!x.not_begun)
                op.sent(r, x, attempt, began, again ? std::optional(state.delay()) : std::nullopt,
                        state.reason());
            if (next == action::done) break;
            if (next == action::fail) {
                set_failure(a, x.error, net::describe(x, at.host_header) + tries(state));
                break;
            }
            co_await pause(op, state.delay());
        }
        if (a.error == errc::overloaded) { // a caller that tries again at once must not keep others waiting
            const auto others = std::make_shared<async::manual_reset_event>(executor_);
            co_await others->wait(steady_clock::now());
            op.require_own_process();
        }
        a.tries = a.succeeded ? std::string() : tries(state);
        a.maybe_applied = maybe_applied || (r.changes_entities && state.maybe_applied());
        if (answered && !a.error && a.response.status != 401) tokens->remember(*answered);
    } catch (const error& e) {
        const bool unknown = maybe_applied || (r.changes_entities && state.maybe_applied());
        if (!unknown) throw;
        diagnostics details = e.details();
        details.outcome_unknown = true;
        throw error(e.code(), std::string(e.what()) + maybe_applied_text, std::move(details));
    } catch (const boost::system::system_error& e) {
        if (e.code() == asio::error::operation_aborted) op.abort();
        throw;
    }
}

asio::awaitable<void> client::write(operation& op, const protocol::request& r, std::string_view table,
                                    time_point deadline, answer& a) const {
    co_await call(op, r, deadline, a);
    // (That of a table which is being deleted, with another status, has been waited for.)
    if (a.response.status != 404 || !no_table(a.response, account_->mode)) co_return;
    const protocol::request create = protocol::create_table(table);
    answer created;
    created.maybe_applied = a.maybe_applied;
    co_await call(op, create, deadline, created);
    // Someone else, or an attempt whose answer was lost, may have been faster.
    const bool exists =
        created.response.status == 409 && protocol::own_code(created.response) == "TableAlreadyExists";
    if (!created.succeeded && !exists) op.fail(created);
    // An attempt that was given up for lost may come late, to the new table.
    co_await call(op, r, deadline, a);
}

} // namespace azkv
