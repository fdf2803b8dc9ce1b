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

pooled_connection::~pooled_connection() {
    if (owner_) owner_->release(slot_, result_, acquired_at_);
}

namespace {

// Rounds down, so that waiters with nearly the same deadline wake up together, which costs the system less.
pool::time_point round_down(pool::time_point t, pool::time_point::duration wait) {
    const auto step = std::clamp<pool::time_point::duration>(wait / 64, std::chrono::nanoseconds(1),
                                                             std::chrono::milliseconds(1));
    return t - t.time_since_epoch() % step;
}

} // namespace

/// A caller in the queue. It leaves the queue when it gets a slot, has too little time left, is cancelled, or
/// the pool is closed.
class pool::waiter : public boost::intrusive::list_base_hook<> {
public:
    /// Precondition: locked.
    waiter(std::shared_ptr<pool> owner, const protocol::authority& to, time_point since, time_point deadline)
        : to(to), wait_until(round_down(deadline - owner->reserve_.of(since, deadline), deadline - since)),
          decided(std::make_shared<async::manual_reset_event>(owner->executor_)), owner_(std::move(owner)),
          since_(since), deadline_(deadline) {
        owner_->queue_.push_back(*this); // last: nothing after it can fail
    }

    waiter(const waiter&) = delete;
    waiter& operator=(const waiter&) = delete;

    ~waiter() {
        std::optional<slot> unused;
        {
            const std::lock_guard lock(owner_->mutex_);
            if (is_linked()) leave_queue(errc::closed);
            unused = std::exchange(slot_, std::nullopt);
        }
        if (unused) owner_->release(*unused, use_result::reusable, {});
    }

    /// Returns whether an exchange that begins now can end in time. Precondition: locked.
    bool has_enough_time(time_point now) const {
        return deadline_ - now >= owner_->reserve_.of(since_, deadline_);
    }

    /// Precondition: locked, and it is in the queue.
    void leave_queue(slot s) {
        owner_->queue_.erase(owner_->queue_.iterator_to(*this));
        slot_ = s;
    }

    void leave_queue(errc why) {
        owner_->queue_.erase(owner_->queue_.iterator_to(*this));
        error_ = why;
    }

    /// Ends the wait. Returns the slot, or sets `why` if there is none.
    std::optional<slot> finish(errc& why) {
        const std::lock_guard lock(owner_->mutex_);
        if (is_linked()) {
            leave_queue(errc::timed_out);
            ++owner_->overload_.lost;
        }
        why = error_;
        return std::exchange(slot_, std::nullopt);
    }

    const protocol::authority& to;
    const time_point wait_until;
    const std::shared_ptr<async::manual_reset_event> decided; // to be set when it has left the queue

private:
    const std::shared_ptr<pool> owner_;
    const time_point since_;
    const time_point deadline_;
    std::optional<slot> slot_; // guarded by the pool's mutex, as is the next
    errc error_ = errc::timed_out;
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
    for (const idle_connections& r : idle_) n += r.list.size();
    return n;
}

std::size_t pool::in_use() const {
    const std::lock_guard lock(mutex_);
    return in_use_.size();
}

std::size_t pool::waiting() const {
    const std::lock_guard lock(mutex_);
    return queue_.size();
}

std::optional<overload> pool::take_overload_report(time_point now) {
    const std::lock_guard lock(mutex_);
    const bool any = overload_.lost > 0 || overload_.refused > 0;
    if (!any || now - reported_ < std::chrono::seconds(1)) return std::nullopt;
    reported_ = now;
    overload o = std::exchange(overload_, {});
    o.waiting = queue_.size();
    o.connections = limits_.connections;
    return o;
}

// Creates the list on acquire, so that nothing can fail on release. Precondition: locked.
pool::connections& pool::idle_to(const protocol::authority& to) {
    const auto at = std::ranges::find_if(idle_, [&](const idle_connections& r) { return r.to == to; });
    return at != idle_.end() ? at->list : idle_.emplace_back(to).list;
}

// Takes a slot, with an idle connection if there is one. Precondition: locked, and fewer slots are in use
// than allowed. Surplus connections are closed under the lock, so that no other caller exceeds the bound
// meanwhile.
pool::slot pool::take_slot(const protocol::authority& to, time_point now) {
    const auto expired = [now](const std::shared_ptr<connection>& c) { return c->usable_until() <= now; };
    for (idle_connections& r : idle_) {
        while (!r.list.empty() && expired(r.list.front())) {
            r.list.front()->close();
            r.list.pop_front();
        }
    }
    connections& idle = idle_to(to);
    while (!idle.empty() && expired(idle.back())) { // peers may announce shorter times than before
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

// Closes an idle connection if the bound is exceeded. Precondition: locked.
void pool::make_room() {
    std::size_t n = in_use_.size();
    for (const idle_connections& r : idle_) n += r.list.size();
    if (n <= limits_.connections) return;
    const auto any = std::ranges::find_if(idle_, [](const idle_connections& r) { return !r.list.empty(); });
    any->list.front()->close();
    any->list.pop_front();
}

pooled_connection pool::try_acquire(const protocol::authority& to, time_point now) {
    pooled_connection got;
    {
        const std::lock_guard lock(mutex_);
        if (closed_ || in_use_.size() == limits_.connections) return got;
        got = pooled_connection(shared_from_this(), take_slot(to, now), now);
    }
    return connected(std::move(got), to);
}

asio::awaitable<pooled_connection> pool::acquire(const protocol::authority& to, time_point deadline) {
    const auto self = shared_from_this();
    pooled_connection got;
    std::optional<waiter> waiting;
    {
        const auto now = steady_clock::now();
        const std::lock_guard lock(mutex_);
        if (closed_) co_return pooled_connection(errc::closed);
        if (in_use_.size() < limits_.connections) {
            got = pooled_connection(self, take_slot(to, now), now);
        } else if (queue_.size() < limits_.waiting) {
            idle_to(to);
            waiting.emplace(self, to, now, deadline);
        } else {
            ++overload_.refused;
            co_return pooled_connection(errc::overloaded);
        }
    }
    if (waiting) {
        const std::shared_ptr<async::manual_reset_event> decided = waiting->decided;
        co_await decided->wait(waiting->wait_until);
        errc why{};
        const std::optional<slot> s = waiting->finish(why);
        if (!s) co_return pooled_connection(why);
        got = pooled_connection(self, *s, steady_clock::now());
    }
    co_return connected(std::move(got), to);
}

// Creates the connection of a slot that has none, unless the pool was closed.
pooled_connection pool::connected(pooled_connection c, const protocol::authority& to) {
    const bool has_connection = c.operator->() || c.replace(to);
    return has_connection ? std::move(c) : pooled_connection(errc::closed);
}

// Returns false if the pool was closed.
bool pool::replace(slot s, const protocol::authority& to) {
    std::shared_ptr<connection> made = make_(to);
    const std::lock_guard lock(mutex_);
    if (!closed_) s->swap(made);
    return !closed_;
}

// The slot passes to the first waiter with enough time left, together with the connection if that has the
// right authority. Any other connection is closed first.
void pool::release(slot s, use_result result, time_point acquired_at) {
    std::shared_ptr<async::manual_reset_event> decided;
    const auto now = steady_clock::now();
    {
        const std::lock_guard lock(mutex_);
        if (acquired_at != time_point() && result != use_result::failed)
            reserve_.ended(now - acquired_at, result == use_result::timed_out);
        while (!queue_.empty() && !queue_.front().has_enough_time(now)) {
            waiter& late = queue_.front();
            late.leave_queue(errc::timed_out);
            late.decided->set();
            ++overload_.lost;
        }
        std::shared_ptr<connection>& held = *s;
        waiter* const next = queue_.empty() ? nullptr : &queue_.front();
        const bool usable = held && result == use_result::reusable && !closed_ && held->usable_until() > now;
        if (held && (!usable || (next && !(next->to == held->to())))) {
            held->close();
            held.reset();
        }
        if (next) {
            decided = next->decided;
            next->leave_queue(s);
        } else if (held) {
            connections& idle = idle_to(held->to());
            idle.splice(idle.end(), in_use_, s);
        } else {
            in_use_.erase(s);
        }
    }
    if (decided) decided->set();
}

void pool::close() {
    std::vector<std::shared_ptr<connection>> interrupted;
    std::vector<std::shared_ptr<async::manual_reset_event>> decided;
    {
        const std::lock_guard lock(mutex_);
        closed_ = true;
        for (const idle_connections& r : idle_)
            for (const auto& c : r.list) c->close();
        idle_.clear();
        for (const auto& c : in_use_)
            if (c) interrupted.push_back(c);
        for (; !queue_.empty(); queue_.front().leave_queue(errc::closed))
            decided.push_back(queue_.front().decided);
    }
    for (const auto& c : interrupted) c->interrupt(errc::closed);
    for (const auto& event : decided) event->set();
}

} // namespace azkv::net
