#include "net/pool.hpp"

#include "async/event.hpp"

#include <algorithm>
#include <utility>

namespace azkv::net {

using std::chrono::steady_clock;

lease::~lease() {
    if (owner_) owner_->release(std::move(held_), keep_);
}

/// A caller that waits for a connection.
class pool::waiter {
public:
    waiter(const asio::any_io_executor& executor, const protocol::authority& to, bool fresh)
        : to(to), fresh(fresh), turn(std::make_shared<async::event>(executor)) {}

    const protocol::authority to;
    const bool fresh;
    std::shared_ptr<connection> granted; // guarded by the pool's mutex
    bool served = false;                 // likewise; null with `served` is the right to make a connection
    const std::shared_ptr<async::event> turn; // set when it is served
};

/// Keeps a waiter in line, and takes it out, or passes on what it was granted, however the wait ends.
class pool::place_in_line {
public:
    place_in_line(std::shared_ptr<pool> owner, std::shared_ptr<waiter> w)
        : owner_(std::move(owner)), waiter_(std::move(w)) {}

    place_in_line(const place_in_line&) = delete;
    place_in_line& operator=(const place_in_line&) = delete;

    ~place_in_line() {
        bool served = false;
        std::shared_ptr<connection> granted;
        {
            const std::lock_guard lock(owner_->mutex_);
            served = waiter_->served;
            granted = std::move(waiter_->granted);
            if (!served) std::erase(owner_->line_, waiter_);
        }
        if (served && !taken_) owner_->release(std::move(granted), true);
    }

    bool served() const {
        const std::lock_guard lock(owner_->mutex_);
        return waiter_->served;
    }

    /// Precondition: it was served.
    std::shared_ptr<connection> take() {
        const std::lock_guard lock(owner_->mutex_);
        taken_ = true;
        return std::move(waiter_->granted);
    }

private:
    std::shared_ptr<pool> owner_;
    std::shared_ptr<waiter> waiter_;
    bool taken_ = false;
};

pool::pool(asio::any_io_executor executor, std::size_t max_connections, factory make)
    : executor_(std::move(executor)), max_connections_(max_connections), make_(std::move(make)) {}

std::size_t pool::idle() const {
    const std::lock_guard lock(mutex_);
    return idle_.size();
}

std::size_t pool::in_use() const {
    const std::lock_guard lock(mutex_);
    return in_use_;
}

// A connection that rests, or null with a place for a new one; `in_use_` counts it. Precondition: locked, and
// fewer than the allowed number are in use.
std::shared_ptr<connection> pool::take(const protocol::authority& to, bool fresh, connections& dropped) {
    const auto now = steady_clock::now();
    std::erase_if(idle_, [&](std::shared_ptr<connection>& c) {
        const bool expired = c->usable_until() <= now;
        if (expired) dropped.push_back(std::move(c));
        return expired;
    });
    ++in_use_;
    if (!fresh) {
        const auto last =
            std::find_if(idle_.rbegin(), idle_.rend(), [&](const auto& c) { return c->to() == to; });
        if (last != idle_.rend()) {
            auto held = std::move(*last);
            idle_.erase(std::prev(last.base()));
            return held;
        }
    }
    if (in_use_ + idle_.size() > max_connections_) {
        dropped.push_back(std::move(idle_.front()));
        idle_.erase(idle_.begin());
    }
    return nullptr;
}

asio::awaitable<lease> pool::acquire(const protocol::authority& to, time_point deadline, bool fresh) {
    const auto self = shared_from_this();
    connections dropped; // closed when the mutex is free again
    lease got;
    std::shared_ptr<waiter> waiting;
    {
        const std::lock_guard lock(mutex_);
        if (in_use_ < max_connections_) {
            got = lease(self, take(to, fresh, dropped));
        } else {
            waiting = std::make_shared<waiter>(executor_, to, fresh);
            line_.push_back(waiting);
        }
    }
    if (waiting) {
        place_in_line place(self, waiting);
        const std::shared_ptr<async::event> turn = waiting->turn;
        co_await turn->wait(deadline);
        if (!place.served()) co_return got; // the deadline passed
        got = lease(self, place.take());
    }
    if (!got) got.hold(make_(to));
    co_return got;
}

void pool::release(std::shared_ptr<connection> held, bool keep) {
    if (held && (!keep || held->usable_until() <= steady_clock::now())) held.reset();
    std::shared_ptr<waiter> next;
    {
        const std::lock_guard lock(mutex_);
        if (!line_.empty()) { // the place passes on, and the connection with it if it is the right one
            next = std::move(line_.front());
            line_.pop_front();
            next->served = true;
            if (held && !next->fresh && held->to() == next->to) next->granted = std::move(held);
        } else {
            --in_use_;
            if (held) idle_.push_back(std::move(held));
        }
    }
    if (next) next->turn->set();
}

} // namespace azkv::net
