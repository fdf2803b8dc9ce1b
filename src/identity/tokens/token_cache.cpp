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

// After an early request that failed, the next early one waits so long.
constexpr seconds early_retry{30};

// While the old token holds, a call waits for a new one so long at most, and leaves itself time to use it.
steady_time patience(steady_time deadline) {
    const auto now = std::chrono::steady_clock::now();
    return now + std::min<steady_time::duration>(seconds(10), (deadline - now) / 4);
}

// A request that takes longer is on an executor that nobody runs any more.
constexpr minutes longest_flight{5};

// What a source of the user's throws becomes an error of the library.
std::exception_ptr current_failure() {
    diagnostics details;
    boost::system::error_code code = errc::authentication_failed;
    try {
        throw;
    } catch (const error&) {
        return std::current_exception();
    } catch (const boost::system::system_error& e) {
        // No call was cancelled: that is not what this comes from.
        if (e.code() != asio::error::operation_aborted) code = e.code();
        details.server_message = e.what();
    } catch (const std::exception& e) {
        details.server_message = e.what();
    } catch (...) {
        return std::current_exception(); // not a failure: the end of a thread, say
    }
    return std::make_exception_ptr(error(code, "the source of tokens failed", std::move(details)));
}

} // namespace

token_state judge(const access_token& t, wall_time received, wall_time now) {
    using duration = wall_time::duration;
    const duration lifetime = std::max(t.expires_on() - received, duration(0));
    // A request takes a while to arrive.
    if (now >= t.expires_on() - std::min<duration>(seconds(10), lifetime / 10)) return token_state::expired;
    const wall_time due =
        t.refresh_on().value_or(t.expires_on() - std::min<duration>(minutes(5), lifetime / 4));
    return now >= due ? token_state::due : token_state::good;
}

/// Where a request is carried. It must not be kept by anything of another execution context, which may last
/// longer than its own.
class token_cache::runway {
public:
    explicit runway(const asio::any_io_executor& caller) : executor(async::serial_executor::on(caller)) {}

    const asio::any_io_executor executor;
    async::stop_signal stop; // on the executor
    bool over = false;       // on the executor: there is nothing left to be cancelled
};

/// A request to the source, and who waits for it. What changes is guarded by the cache's mutex.
class token_cache::flight {
public:
    flight(entry* of, const token_request& r, bool executor_outlives_leader)
        : of(of), request(r), executor_outlives_leader(executor_outlives_leader),
          started(std::chrono::steady_clock::now()) {}

    entry* const of;
    const token_request request;
    const bool executor_outlives_leader;
    const steady_time started;
    std::weak_ptr<runway> on; // as long as it has not ended

    std::vector<std::shared_ptr<async::manual_reset_event>> waiting;
    bool ended = false; // if there is neither of the two below, it was abandoned
    std::optional<access_token> token;
    std::exception_ptr failure;
};

/// What is known of one scope and tenant.
class token_cache::entry {
public:
    explicit entry(const token_request& r) : scope(r.scope()), tenant(r.tenant()) {}

    const std::string scope;
    const std::string tenant;
    std::optional<access_token> token;
    std::string claims; // that it was asked for with
    wall_time received;
    steady_time no_early_request_before;            // one failed a while ago
    steady_time no_distrust_before;                 // it was refused a while ago
    std::vector<std::shared_ptr<flight>> under_way; // one at most for the same claims

    token_state state(wall_time now) const {
        return token ? judge(*token, received, now) : token_state::expired;
    }

    /// Whether a token in that state is to be used without asking for another.
    bool suffices(token_state s, const steady_clock& ticks) const {
        if (s == token_state::good) return true;
        return s == token_state::due && (!under_way.empty() || ticks() < no_early_request_before);
    }
};

/// A call's place among those that wait. Leaves when it goes, however that happens.
class token_cache::seat {
public:
    seat(std::shared_ptr<token_cache> owner, std::shared_ptr<flight> f, std::shared_ptr<async::manual_reset_event> e,
         bool leads)
        : owner_(std::move(owner)), flight_(std::move(f)), event_(std::move(e)), leads_(leads) {}

    seat(const seat&) = delete;
    seat& operator=(const seat&) = delete;

    ~seat() {
        const std::lock_guard lock(owner_->mutex_);
        std::erase(flight_->waiting, event_);
        if (flight_->ended) return;
        // Nobody runs the executor of a blocking call once that is over: another call must begin anew.
        const bool stranded = leads_ && !flight_->executor_outlives_leader;
        if (stranded || flight_->waiting.empty()) owner_->abandon(*flight_);
    }

private:
    std::shared_ptr<token_cache> owner_;
    std::shared_ptr<flight> flight_;
    std::shared_ptr<async::manual_reset_event> event_;
    bool leads_;
};

/// What a call finds: a token to go on with, a flight to wait for, or both.
class token_cache::boarding {
public:
    secret token;
    std::shared_ptr<token_cache::flight> flight;
    std::shared_ptr<async::manual_reset_event> landed;
    std::shared_ptr<runway> starts_on; // null: it is under way already
};

token_cache::token_cache(std::shared_ptr<token_credential> source, wall_clock now, steady_clock ticks)
    : source_(std::move(source)), now_(std::move(now)), ticks_(std::move(ticks)) {}

token_cache::~token_cache() = default;

token_cache::entry* token_cache::find(const token_request& request) const {
    for (const std::unique_ptr<entry>& e : entries_)
        if (e->scope == request.scope() && e->tenant == request.tenant()) return e.get();
    return nullptr;
}

secret token_cache::at_hand(const token_request& request) const {
    const std::lock_guard lock(mutex_);
    const entry* const e = find(request);
    return e && e->suffices(e->state(now_()), ticks_) ? e->token->token() : secret();
}

void token_cache::distrust(const token_request& request, const secret& rejected) {
    const std::lock_guard lock(mutex_);
    entry* const e = find(request);
    const steady_time now = ticks_();
    if (!e || !e->token || !(e->token->token() == rejected) || now < e->no_distrust_before) return;
    e->token.reset();
    e->no_distrust_before = now + early_retry;
}

// Precondition: locked.
void token_cache::give_up_lost(const token_request& request) {
    const entry* const e = find(request);
    if (!e) return;
    const auto all = e->under_way;
    for (const std::shared_ptr<flight>& f : all)
        if (std::chrono::steady_clock::now() - f->started > longest_flight) abandon(*f);
}

token_cache::boarding token_cache::board(const token_request& request, const secret& rejected,
                                         const token_caller& caller) {
    boarding b;
    const std::lock_guard lock(mutex_);
    give_up_lost(request);
    entry* e = find(request);
    if (!e) e = entries_.emplace_back(std::make_unique<entry>(request)).get();
    const bool refused = e->token && e->token->token() == rejected;
    const bool without_claims = !request.claims().empty() && e->claims != request.claims();
    const token_state state = refused || without_claims ? token_state::expired : e->state(now_());
    if (state != token_state::expired) b.token = e->token->token();
    if (e->suffices(state, ticks_)) return b;
    b.landed = std::make_shared<async::manual_reset_event>(caller.executor);
    const auto same = std::ranges::find_if(
        e->under_way, [&](const auto& f) { return f->request.claims() == request.claims(); });
    if (same != e->under_way.end()) {
        b.flight = *same;
        b.flight->waiting.push_back(b.landed);
        return b;
    }
    b.flight = std::make_shared<token_cache::flight>(e, request, caller.executor_outlives_call);
    b.starts_on = std::make_shared<runway>(caller.executor);
    b.flight->on = b.starts_on;
    b.flight->waiting.push_back(b.landed);
    e->under_way.push_back(b.flight); // last: whatever is in there is started
    return b;
}

asio::awaitable<secret> token_cache::token(token_request request, secret rejected, token_caller caller) {
    const auto self = shared_from_this();
    for (;;) {
        boarding b = board(request, rejected, caller);
        if (!b.flight) co_return b.token;
        const bool leads = b.starts_on != nullptr;
        const seat place(self, b.flight, b.landed, leads);
        if (leads) start(b.flight, std::move(b.starts_on));
        const async::operation_tracker::abort_subscription cleared(caller.tracker, [landed = b.landed] { landed->set(); });
        const auto deadline = b.token.empty() ? caller.deadline : patience(caller.deadline);
        co_await b.landed->wait(deadline);

        const bool closed = caller.tracker && caller.tracker->is_aborted();
        const std::lock_guard lock(mutex_);
        if (b.flight->token) co_return b.flight->token->token();
        if (!b.token.empty()) co_return b.token;
        if (b.flight->failure) std::rethrow_exception(b.flight->failure);
        if (closed) throw error(errc::closed, make_error_code(errc::closed).message());
        if (!b.flight->ended) throw error(errc::timed_out, "no token came in time");
    }
}

void token_cache::start(std::shared_ptr<flight> f, std::shared_ptr<runway> on) {
    const asio::any_io_executor executor = on->executor;
    const asio::cancellation_slot slot = on->stop.slot();
    auto keep = [on](std::exception_ptr) {}; // whose slot that is
    try {
        asio::co_spawn(executor, fly(shared_from_this(), f, on),
                       asio::bind_cancellation_slot(slot, std::move(keep)));
    } catch (...) { // others may wait for it already
        const std::lock_guard lock(mutex_);
        if (!f->ended) abandon(*f);
        throw;
    }
}

asio::awaitable<void> token_cache::fly(std::shared_ptr<token_cache> self, std::shared_ptr<flight> f,
                                       std::shared_ptr<runway> on) {
    // The frame may also be destroyed, together with an execution context that is not run any more.
    class landing {
    public:
        landing(token_cache& owner, flight& f, runway& on) : owner_(owner), flight_(f), on_(on) {}

        ~landing() {
            on_.over = true;
            try {
                owner_.land(flight_, std::move(token), std::move(failure));
            } catch (...) { // out of memory
                owner_.land(flight_, std::nullopt, std::current_exception());
            }
        }

        std::optional<access_token> token;
        std::exception_ptr failure;

    private:
        token_cache& owner_;
        flight& flight_;
        runway& on_;
    };

    landing l(*self, *f, *on);
    try {
        on->stop.begin();
        access_token t = co_await self->source_->token(f->request);
        if (t.token().empty()) throw error(errc::authentication_failed, "the source of tokens gave none");
        l.token = std::move(t);
    } catch (...) {
        l.failure = current_failure();
    }
}

void token_cache::land(flight& f, std::optional<access_token> token, std::exception_ptr failure) {
    const std::lock_guard lock(mutex_);
    if (f.ended) return; // nobody wants it any more
    entry& e = *f.of;
    if (token) {
        std::optional<access_token> kept = token;
        std::string claims = f.request.claims();
        e.received = now_();
        e.token.swap(kept); // nothing can fail any more
        e.claims.swap(claims);
    } else {
        e.no_early_request_before = ticks_() + early_retry;
    }
    f.token = std::move(token);
    f.failure = std::move(failure);
    end(f);
}

// Precondition: locked, and it has not ended: so its execution context is still there.
void token_cache::abandon(flight& f) noexcept {
    if (const auto on = f.on.lock()) {
        try {
            asio::post(on->executor, [on] {
                if (!on->over) on->stop.emit();
            });
        } catch (const std::bad_alloc&) { // it goes on to its own end
        }
    }
    f.of->no_early_request_before = ticks_() + early_retry;
    end(f);
}

// Precondition: locked, so that nobody who waits can go while it is told.
void token_cache::end(flight& f) noexcept {
    f.ended = true;
    for (const std::shared_ptr<async::manual_reset_event>& e : std::exchange(f.waiting, {})) e->set();
    entry* const of = f.of;
    std::erase_if(of->under_way,
                  [&](const auto& other) { return other.get() == &f; }); // perhaps the last of `f`
    // A service may name any number of tenants.
    if (!of->token && of->under_way.empty())
        std::erase_if(entries_, [&](const auto& e) { return e.get() == of; });
}

} // namespace azkv::identity
