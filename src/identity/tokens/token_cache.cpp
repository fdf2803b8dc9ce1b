#include "identity/tokens/token_cache.hpp"

#include "async/manual_reset_event.hpp"
#include "async/serial_executor.hpp"
#include "async/stop_signal.hpp"

#include <azkv/error.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <exception>
#include <new>
#include <utility>

namespace azkv::identity {

using std::chrono::minutes;
using std::chrono::seconds;
using wall_time = access_token::time_point;
using steady_time = std::chrono::steady_clock::time_point;

namespace {

// The pause between requests for a token whose predecessor still holds, and between rejections that count.
constexpr seconds early_retry{30};

// The time until which a call waits for a new token while the old one still holds: at most 10 s, and never
// more than a quarter of what it has left, which it needs to use the token.
steady_time renewal_deadline(steady_time deadline) {
    const auto now = std::chrono::steady_clock::now();
    return now + std::min<steady_time::duration>(seconds(10), (deadline - now) / 4);
}

// A request that takes longer is stuck on an executor that is not run any more.
constexpr minutes longest_request{5};

// Converts what a user's credential threw into an error of the library.
std::exception_ptr current_failure() {
    diagnostics details;
    boost::system::error_code code = errc::authentication_failed;
    try {
        throw;
    } catch (const error&) {
        return std::current_exception();
    } catch (const boost::system::system_error& e) {
        // The call was not cancelled, so its error must not say so.
        if (e.code() != asio::error::operation_aborted) code = e.code();
        details.server_message = e.what();
    } catch (const std::exception& e) {
        details.server_message = e.what();
    } catch (...) {
        return std::current_exception(); // not an error: the forced unwinding of a thread, for instance
    }
    return std::make_exception_ptr(error(code, "the token credential failed", std::move(details)));
}

} // namespace

token_state state_of(const access_token& t, wall_time received, wall_time now) {
    using duration = wall_time::duration;
    const duration lifetime = std::max(t.expires_on() - received, duration(0));
    // A request takes a while to reach the service.
    if (now >= t.expires_on() - std::min<duration>(seconds(10), lifetime / 10)) return token_state::expired;
    const wall_time due =
        t.refresh_on().value_or(t.expires_on() - std::min<duration>(minutes(5), lifetime / 4));
    return now >= due ? token_state::due : token_state::good;
}

/// The executor that runs a request, and how to stop it there. Only objects of the same execution context may
/// own it: any other could outlive the context.
class token_cache::execution {
public:
    explicit execution(const asio::any_io_executor& caller) : executor(async::serial_executor::on(caller)) {}

    const asio::any_io_executor executor;
    async::stop_signal stop; // used on the executor only
    bool over = false;       // used on the executor only; true: there is nothing left to stop
};

/// A request to the credential, and the calls that wait for it. The cache's mutex guards what is not const.
class token_cache::inflight_request {
public:
    inflight_request(entry* owner, const token_request& r, bool executor_outlives_leader)
        : owner(owner), request(r), executor_outlives_leader(executor_outlives_leader),
          started(std::chrono::steady_clock::now()) {}

    entry* const owner;
    const token_request request;
    const bool executor_outlives_leader;
    const steady_time started;
    std::weak_ptr<execution> running; // valid until `done`

    std::vector<std::shared_ptr<async::manual_reset_event>> waiters;
    bool done = false; // with neither a token nor a failure: it was abandoned
    std::optional<access_token> token;
    std::exception_ptr failure;
};

/// The token of one scope and tenant.
class token_cache::entry {
public:
    explicit entry(const token_request& r) : scope(r.scope()), tenant(r.tenant()) {}

    const std::string scope;
    const std::string tenant;
    std::optional<access_token> token;
    std::string claims; // those that the token was requested with
    wall_time received;
    steady_time no_early_request_before;                      // set after a failure
    steady_time no_invalidation_before;                       // set after a rejection
    std::vector<std::shared_ptr<inflight_request>> in_flight; // one at most for the same claims

    token_state state(wall_time now) const {
        return token ? state_of(*token, received, now) : token_state::expired;
    }

    /// Returns true if a token in that state is to be used without a new request.
    bool is_sufficient(token_state s, const steady_clock& ticks) const {
        if (s == token_state::good) return true;
        return s == token_state::due && (!in_flight.empty() || ticks() < no_early_request_before);
    }
};

/// A call that waits. Its destructor removes it, whether the wait ended, was cancelled or threw.
class token_cache::waiter {
public:
    waiter(std::shared_ptr<token_cache> cache, std::shared_ptr<inflight_request> request,
           std::shared_ptr<async::manual_reset_event> completed, bool is_leader)
        : cache_(std::move(cache)), request_(std::move(request)), completed_(std::move(completed)),
          is_leader_(is_leader) {}

    waiter(const waiter&) = delete;
    waiter& operator=(const waiter&) = delete;

    ~waiter() {
        const std::lock_guard lock(cache_->mutex_);
        std::erase(request_->waiters, completed_);
        if (request_->done) return;
        // The executor of a blocking call is not run after the call: another call must start a new request.
        const bool stuck = is_leader_ && !request_->executor_outlives_leader;
        if (stuck || request_->waiters.empty()) cache_->abandon(*request_);
    }

private:
    std::shared_ptr<token_cache> cache_;
    std::shared_ptr<inflight_request> request_;
    std::shared_ptr<async::manual_reset_event> completed_;
    bool is_leader_;
};

/// What a call finds in the cache: a token to use, a request to wait for, or both.
class token_cache::lookup_result {
public:
    secret token;
    std::shared_ptr<inflight_request> request; // null: use the token
    std::shared_ptr<async::manual_reset_event> completed;
    std::shared_ptr<execution> to_start; // set for the leader, the call that starts the request
};

token_cache::token_cache(std::shared_ptr<token_credential> source, wall_clock now, steady_clock ticks)
    : source_(std::move(source)), now_(std::move(now)), ticks_(std::move(ticks)) {}

token_cache::~token_cache() = default;

token_cache::entry* token_cache::find(const token_request& request) const {
    for (const std::unique_ptr<entry>& e : entries_)
        if (e->scope == request.scope() && e->tenant == request.tenant()) return e.get();
    return nullptr;
}

secret token_cache::try_get_cached(const token_request& request) const {
    const std::lock_guard lock(mutex_);
    const entry* const e = find(request);
    return e && e->is_sufficient(e->state(now_()), ticks_) ? e->token->token() : secret();
}

void token_cache::invalidate(const token_request& request, const secret& rejected) {
    const std::lock_guard lock(mutex_);
    entry* const e = find(request);
    const steady_time now = ticks_();
    if (!e || !e->token || !(e->token->token() == rejected) || now < e->no_invalidation_before) return;
    e->token.reset();
    e->no_invalidation_before = now + early_retry;
}

// The caller holds the mutex.
void token_cache::abandon_stuck(const token_request& request) {
    const entry* const e = find(request);
    if (!e) return;
    const auto all = e->in_flight; // `abandon` changes it, and may destroy the entry
    for (const std::shared_ptr<inflight_request>& r : all)
        if (std::chrono::steady_clock::now() - r->started > longest_request) abandon(*r);
}

token_cache::lookup_result token_cache::look_up(const token_request& request, const secret& rejected,
                                                const token_caller& caller) {
    lookup_result found;
    const std::lock_guard lock(mutex_);
    abandon_stuck(request);
    entry* e = find(request);
    if (!e) e = entries_.emplace_back(std::make_unique<entry>(request)).get();
    const bool refused = e->token && e->token->token() == rejected;
    const bool lacks_claims = !request.claims().empty() && e->claims != request.claims();
    const token_state state = refused || lacks_claims ? token_state::expired : e->state(now_());
    if (state != token_state::expired) found.token = e->token->token();
    if (e->is_sufficient(state, ticks_)) return found;
    found.completed = std::make_shared<async::manual_reset_event>(caller.executor);
    const auto same = std::ranges::find_if(
        e->in_flight, [&](const auto& r) { return r->request.claims() == request.claims(); });
    if (same != e->in_flight.end()) {
        found.request = *same;
        found.request->waiters.push_back(found.completed);
        return found;
    }
    found.request = std::make_shared<inflight_request>(e, request, caller.executor_outlives_call);
    found.to_start = std::make_shared<execution>(caller.executor);
    found.request->running = found.to_start;
    found.request->waiters.push_back(found.completed);
    e->in_flight.push_back(found.request); // last: once it is in there, it must be started
    return found;
}

asio::awaitable<secret> token_cache::token(token_request request, secret rejected, token_caller caller) {
    const auto self = shared_from_this();
    for (;;) {
        lookup_result found = look_up(request, rejected, caller);
        if (!found.request) co_return found.token;
        const bool is_leader = found.to_start != nullptr;
        const waiter waiting(self, found.request, found.completed, is_leader);
        if (is_leader) start(found.request, std::move(found.to_start));
        const async::operation_tracker::abort_subscription aborted(
            caller.tracker, [completed = found.completed] { completed->set(); });
        const auto deadline = found.token.empty() ? caller.deadline : renewal_deadline(caller.deadline);
        co_await found.completed->wait(deadline);

        const bool closed = caller.tracker && caller.tracker->is_aborted();
        const std::lock_guard lock(mutex_);
        if (found.request->token) co_return found.request->token->token();
        if (!found.token.empty()) co_return found.token;
        if (found.request->failure) std::rethrow_exception(found.request->failure);
        if (closed) throw error(errc::closed, make_error_code(errc::closed).message());
        if (!found.request->done) throw error(errc::timed_out, "timed out while waiting for a token");
        // It was abandoned: look again.
    }
}

void token_cache::start(std::shared_ptr<inflight_request> request, std::shared_ptr<execution> e) {
    const asio::any_io_executor executor = e->executor;
    const asio::cancellation_slot slot = e->stop.slot();
    auto owner_of_slot = [e](std::exception_ptr) {};
    try {
        asio::co_spawn(executor, run_request(shared_from_this(), request, e),
                       asio::bind_cancellation_slot(slot, std::move(owner_of_slot)));
    } catch (...) { // other calls may wait for it already
        const std::lock_guard lock(mutex_);
        if (!request->done) abandon(*request);
        throw;
    }
}

asio::awaitable<void> token_cache::run_request(std::shared_ptr<token_cache> self,
                                               std::shared_ptr<inflight_request> request,
                                               std::shared_ptr<execution> e) {
    // A destructor, because an execution context that is not run any more destroys the frame unfinished.
    class completion {
    public:
        completion(token_cache& cache, inflight_request& request, execution& e)
            : cache_(cache), request_(request), execution_(e) {}

        ~completion() {
            execution_.over = true;
            try {
                cache_.complete(request_, std::move(token), std::move(failure));
            } catch (...) { // out of memory
                cache_.complete(request_, std::nullopt, std::current_exception());
            }
        }

        std::optional<access_token> token;
        std::exception_ptr failure;

    private:
        token_cache& cache_;
        inflight_request& request_;
        execution& execution_;
    };

    completion result(*self, *request, *e);
    try {
        e->stop.begin();
        access_token t = co_await self->source_->token(request->request);
        if (t.token().empty())
            throw error(errc::authentication_failed, "the token credential returned an empty token");
        result.token = std::move(t);
    } catch (...) {
        result.failure = current_failure();
    }
}

void token_cache::complete(inflight_request& request, std::optional<access_token> token,
                           std::exception_ptr failure) {
    const std::lock_guard lock(mutex_);
    if (request.done) return; // it was abandoned
    entry& e = *request.owner;
    if (token) {
        std::optional<access_token> kept = token;
        std::string claims = request.request.claims();
        e.received = now_();
        e.token.swap(kept); // from here on nothing throws
        e.claims.swap(claims);
    } else {
        e.no_early_request_before = ticks_() + early_retry;
    }
    request.token = std::move(token);
    request.failure = std::move(failure);
    finish(request);
}

// The caller holds the mutex, and the request is not done: so its execution context still exists.
void token_cache::abandon(inflight_request& request) noexcept {
    if (const auto e = request.running.lock()) {
        try {
            asio::post(e->executor, [e] {
                if (!e->over) e->stop.emit();
            });
        } catch (const std::bad_alloc&) { // the request runs to its own end, and its result is ignored
        }
    }
    request.owner->no_early_request_before = ticks_() + early_retry;
    finish(request);
}

// The caller holds the mutex, so that no waiter, nor its event, is destroyed meanwhile.
void token_cache::finish(inflight_request& request) noexcept {
    request.done = true;
    for (const std::shared_ptr<async::manual_reset_event>& e : std::exchange(request.waiters, {})) e->set();
    entry* const owner = request.owner;
    std::erase_if(owner->in_flight,
                  [&](const auto& other) { return other.get() == &request; }); // may destroy `request`
    // A service may name any number of tenants: entries without a token are not kept.
    if (!owner->token && owner->in_flight.empty())
        std::erase_if(entries_, [&](const auto& e) { return e.get() == owner; });
}

} // namespace azkv::identity
