#include "net/pool.hpp"

#include "async/event.hpp"

#include <azkv/error.hpp>

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>
#include <vector>

namespace azkv::net {

using std::chrono::steady_clock;

lease::~lease() {
    if (owner_) owner_->release(place_, keep_);
}

/// A caller that waits for a place: in line until it is given one, the pool is closed, or it goes.
class pool::waiter {
public:
    /// Precondition: locked.
    waiter(std::shared_ptr<pool> owner, const protocol::authority& to)
        : to(to), turn(std::make_shared<async::event>(owner->executor_)), owner_(std::move(owner)),
          position_(owner_->line_.insert(owner_->line_.end(), this)) {}

    waiter(const waiter&) = delete;
    waiter& operator=(const waiter&) = delete;

    ~waiter() {
        if (const auto unused = take()) owner_->release(*unused, true);
    }

    /// Takes it out of the line. Precondition: locked, and it is in line.
    void serve(std::optional<place> p) {
        leave();
        given_ = p;
    }

    /// The place that it was given, if any. It waits no longer.
    std::optional<place> take() {
        const std::lock_guard lock(owner_->mutex_);
        if (waits_) leave();
        return std::exchange(given_, std::nullopt);
    }

    const protocol::authority& to;
    const std::shared_ptr<async::event> turn; // to be set when it was served

private:
    void leave() {
        owner_->line_.erase(position_);
        waits_ = false;
    }

    const std::shared_ptr<pool> owner_;
    const std::list<waiter*>::iterator position_;
    bool waits_ = true; // guarded by the pool's mutex, as is the next
    std::optional<place> given_;
};

pool::pool(asio::any_io_executor executor, std::size_t max_connections, factory make)
    : executor_(std::move(executor)), max_connections_(max_connections), make_(std::move(make)) {}

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
    if (n <= max_connections_) return;
    const auto any = std::ranges::find_if(idle_, [](const resting& r) { return !r.list.empty(); });
    any->list.front()->close();
    any->list.pop_front();
}

lease pool::acquire_at_once(const protocol::authority& to, time_point now) {
    lease got;
    {
        const std::lock_guard lock(mutex_);
        if (closed_ || in_use_.size() == max_connections_) return got;
        got = lease(shared_from_this(), take(to, now));
    }
    return complete(std::move(got), to);
}

asio::awaitable<lease> pool::acquire(const protocol::authority& to, time_point deadline) {
    const auto self = shared_from_this();
    lease got;
    std::optional<waiter> waiting;
    {
        const std::lock_guard lock(mutex_);
        if (closed_) co_return got;
        if (in_use_.size() < max_connections_) {
            got = lease(self, take(to, steady_clock::now()));
        } else {
            idle_to(to);
            waiting.emplace(self, to);
        }
    }
    if (waiting) {
        const std::shared_ptr<async::event> turn = waiting->turn;
        co_await turn->wait(deadline);
        const std::optional<place> given = waiting->take();
        if (!given) co_return got;
        got = lease(self, *given);
    }
    co_return complete(std::move(got), to);
}

// With a connection in the place, unless the pool was closed.
lease pool::complete(lease l, const protocol::authority& to) {
    const bool complete = l.operator->() || l.renew(to);
    return complete ? std::move(l) : lease();
}

// A new connection for a place, unless the pool was closed.
bool pool::fill(place p, const protocol::authority& to) {
    std::shared_ptr<connection> made = make_(to);
    const std::lock_guard lock(mutex_);
    if (!closed_) p->swap(made);
    return !closed_;
}

// The place passes on to whoever is next, and the connection with it if it is the right one. Any other is
// closed before.
void pool::release(place p, bool keep) {
    std::shared_ptr<async::event> turn;
    {
        const std::lock_guard lock(mutex_);
        std::shared_ptr<connection>& held = *p;
        waiter* const next = line_.empty() ? nullptr : line_.front();
        const bool usable = held && keep && !closed_ && held->usable_until() > steady_clock::now();
        if (held && (!usable || (next && !(next->to == held->to())))) {
            held->close();
            held.reset();
        }
        if (next) {
            next->serve(p);
            turn = next->turn;
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
    std::vector<std::shared_ptr<async::event>> turns;
    {
        const std::lock_guard lock(mutex_);
        closed_ = true;
        for (const resting& r : idle_)
            for (const auto& c : r.list) c->close();
        idle_.clear();
        for (const auto& c : in_use_)
            if (c) interrupted.push_back(c);
        for (; !line_.empty(); line_.front()->serve(std::nullopt)) turns.push_back(line_.front()->turn);
    }
    for (const auto& c : interrupted) c->interrupt(errc::closed);
    for (const auto& turn : turns) turn->set();
}

} // namespace azkv::net
