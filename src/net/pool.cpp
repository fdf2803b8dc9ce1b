#include "net/pool.hpp"

#include "async/manual_reset_event.hpp"

#include <azkv/error.hpp>

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>
#include <vector>

namespace azkv::net {

using std::chrono::steady_clock;

lease::~lease() {
    if (owner_) owner_->release(place_, keep_, begun_, given_up_);
}

namespace {

// Whose time is over at nearly the same moment is woken up at the same: that takes the system less.
pool::time_point together(pool::time_point t, pool::time_point::duration time) {
    const auto apart = std::clamp<pool::time_point::duration>(time / 64, std::chrono::nanoseconds(1),
                                                              std::chrono::milliseconds(1));
    return t - t.time_since_epoch() % apart;
}

} // namespace

/// A caller that waits for a place: in line until it is given one, or has too little time left, or the pool
/// is closed, or it goes.
class pool::waiter : public boost::intrusive::list_base_hook<> {
public:
    /// Precondition: locked.
    waiter(std::shared_ptr<pool> owner, const protocol::authority& to, time_point since, time_point deadline)
        : to(to), leaves(together(deadline - owner->reserve_.of(since, deadline), deadline - since)),
          turn(std::make_shared<async::manual_reset_event>(owner->executor_)), owner_(std::move(owner)), since_(since),
          deadline_(deadline) {
        owner_->line_.push_back(*this); // nothing can fail any more
    }

    waiter(const waiter&) = delete;
    waiter& operator=(const waiter&) = delete;

    ~waiter() {
        std::optional<place> unused;
        {
            const std::lock_guard lock(owner_->mutex_);
            if (is_linked()) end(std::nullopt, errc::closed);
            unused = std::exchange(given_, std::nullopt);
        }
        if (unused) owner_->release(*unused, true, {}, false);
    }

    /// Whether an exchange that begins now has a chance. Precondition: locked.
    bool is_worth_it(time_point now) const {
        return deadline_ - now >= owner_->reserve_.of(since_, deadline_);
    }

    /// Takes it out of the line. Precondition: locked, and it is in line.
    void end(std::optional<place> p, errc otherwise) {
        owner_->line_.erase(owner_->line_.iterator_to(*this));
        given_ = p;
        why_ = otherwise;
    }

    /// What became of it, now that it waits no longer: a place, or why there is none.
    std::optional<place> outcome(errc& why) {
        const std::lock_guard lock(owner_->mutex_);
        if (is_linked()) {
            end(std::nullopt, errc::timed_out);
            ++owner_->unserved_.lost;
        }
        why = why_;
        return std::exchange(given_, std::nullopt);
    }

    const protocol::authority& to;
    const time_point leaves;                  // the line, served or not
    const std::shared_ptr<async::manual_reset_event> turn; // to be set when it is out of the line

private:
    const std::shared_ptr<pool> owner_;
    const time_point since_;
    const time_point deadline_;
    std::optional<place> given_; // guarded by the pool's mutex, as is the next
    errc why_ = errc::timed_out;
};

pool::pool(asio::any_io_executor executor, const limits& l, factory make)
    : executor_(std::move(executor)), limits_(l), make_(std::move(make)) {}

pool::~pool() = default;

bool pool::closed() const {
    const std::lock_guard lock(mutex_);
    return closed_;
}

std::size_t pool::idle() const {
    const std::lock_guard lock(mutex_);
    std::size_t n = 0;
    for (const resting& r : idle_) n += r.list.size();
    return n;
}

std::size_t pool::in_use() const {
    const std::lock_guard lock(mutex_);
    return in_use_.size();
}

std::size_t pool::waiting() const {
    const std::lock_guard lock(mutex_);
    return line_.size();
}

std::optional<overload> pool::report(time_point now) {
    const std::lock_guard lock(mutex_);
    const bool any = unserved_.lost > 0 || unserved_.refused > 0;
    if (!any || now - reported_ < std::chrono::seconds(1)) return std::nullopt;
    reported_ = now;
    overload o = std::exchange(unserved_, {});
    o.waiting = line_.size();
    o.connections = limits_.connections;
    return o;
}

// Made when a connection is asked for, so that nothing can fail when it comes back. Precondition: locked.
pool::connections& pool::idle_to(const protocol::authority& to) {
    const auto at = std::ranges::find_if(idle_, [&](const resting& r) { return r.to == to; });
    return at != idle_.end() ? at->list : idle_.emplace_back(to).list;
}

// With a connection that rests, if there is one. Precondition: locked, and fewer than the allowed number are
// in use. What has to go is closed under the lock, lest somebody else opens a connection too many meanwhile.
pool::place pool::take(const protocol::authority& to, time_point now) {
    const auto expired = [now](const std::shared_ptr<connection>& c) { return c->usable_until() <= now; };
    for (resting& r : idle_) {
        while (!r.list.empty() && expired(r.list.front())) {
            r.list.front()->close();
            r.list.pop_front();
        }
    }
    connections& idle = idle_to(to);
    while (!idle.empty() && expired(idle.back())) { // some peers announce shorter times than others did
        idle.back()->close();
        idle.pop_back();
    }
    if (!idle.empty()) {
        in_use_.splice(in_use_.end(), idle, std::prev(idle.end()));
    } else {
        in_use_.emplace_back();
        make_room();
    }
    return std::prev(in_use_.end());
}

// Closes a connection that rests, if there is one too many. Precondition: locked.
void pool::make_room() {
    std::size_t n = in_use_.size();
    for (const resting& r : idle_) n += r.list.size();
    if (n <= limits_.connections) return;
    const auto any = std::ranges::find_if(idle_, [](const resting& r) { return !r.list.empty(); });
    any->list.front()->close();
    any->list.pop_front();
}

lease pool::acquire_at_once(const protocol::authority& to, time_point now) {
    lease got;
    {
        const std::lock_guard lock(mutex_);
        if (closed_ || in_use_.size() == limits_.connections) return got;
        got = lease(shared_from_this(), take(to, now), now);
    }
    return complete(std::move(got), to);
}

asio::awaitable<lease> pool::acquire(const protocol::authority& to, time_point deadline) {
    const auto self = shared_from_this();
    lease got;
    std::optional<waiter> waiting;
    {
        const auto now = steady_clock::now();
        const std::lock_guard lock(mutex_);
        if (closed_) co_return lease(errc::closed);
        if (in_use_.size() < limits_.connections) {
            got = lease(self, take(to, now), now);
        } else if (line_.size() < limits_.waiting) {
            idle_to(to);
            waiting.emplace(self, to, now, deadline);
        } else {
            ++unserved_.refused;
            co_return lease(errc::overloaded);
        }
    }
    if (waiting) {
        const std::shared_ptr<async::manual_reset_event> turn = waiting->turn;
        co_await turn->wait(waiting->leaves);
        errc why{};
        const std::optional<place> given = waiting->outcome(why);
        if (!given) co_return lease(why);
        got = lease(self, *given, steady_clock::now());
    }
    co_return complete(std::move(got), to);
}

// With a connection in the place, unless the pool was closed.
lease pool::complete(lease l, const protocol::authority& to) {
    const bool complete = l.operator->() || l.renew(to);
    return complete ? std::move(l) : lease(errc::closed);
}

// A new connection for a place, unless the pool was closed.
bool pool::fill(place p, const protocol::authority& to) {
    std::shared_ptr<connection> made = make_(to);
    const std::lock_guard lock(mutex_);
    if (!closed_) p->swap(made);
    return !closed_;
}

// The place passes on to whoever is next of those who have a chance, and the connection with it if it is the
// right one. Any other is closed before.
void pool::release(place p, bool keep, time_point begun, bool given_up) {
    std::shared_ptr<async::manual_reset_event> turn;
    const auto now = steady_clock::now();
    {
        const std::lock_guard lock(mutex_);
        if (begun != time_point() && (keep || given_up)) reserve_.ended(now - begun, given_up);
        while (!line_.empty() && !line_.front().is_worth_it(now)) {
            waiter& late = line_.front();
            late.end(std::nullopt, errc::timed_out);
            late.turn->set();
            ++unserved_.lost;
        }
        std::shared_ptr<connection>& held = *p;
        waiter* const next = line_.empty() ? nullptr : &line_.front();
        const bool usable = held && keep && !closed_ && held->usable_until() > now;
        if (held && (!usable || (next && !(next->to == held->to())))) {
            held->close();
            held.reset();
        }
        if (next) {
            turn = next->turn;
            next->end(p, errc::closed);
        } else if (held) {
            connections& idle = idle_to(held->to());
            idle.splice(idle.end(), in_use_, p);
        } else {
            in_use_.erase(p);
        }
    }
    if (turn) turn->set();
}

void pool::close() {
    std::vector<std::shared_ptr<connection>> interrupted;
    std::vector<std::shared_ptr<async::manual_reset_event>> turns;
    {
        const std::lock_guard lock(mutex_);
        closed_ = true;
        for (const resting& r : idle_)
            for (const auto& c : r.list) c->close();
        idle_.clear();
        for (const auto& c : in_use_)
            if (c) interrupted.push_back(c);
        for (; !line_.empty(); line_.front().end(std::nullopt, errc::closed))
            turns.push_back(line_.front().turn);
    }
    for (const auto& c : interrupted) c->interrupt(errc::closed);
    for (const auto& turn : turns) turn->set();
}

} // namespace azkv::net
