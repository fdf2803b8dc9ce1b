#include "net/pool.hpp"

#include "net/on_strand.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/system/system_error.hpp>

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
    waiter(const asio::any_io_executor& executor, const protocol::authority& to, bool fresh,
           time_point deadline)
        : to(to), fresh(fresh), strand(asio::make_strand(executor)), timer(strand, deadline) {}

    const protocol::authority to;
    const bool fresh;
    std::shared_ptr<connection> granted; // guarded by the pool's mutex
    bool served = false;                 // likewise; null with `served` is the right to make a connection

    asio::any_io_executor strand;
    asio::steady_timer timer; // on the strand
    bool cancelled = false;   // on the strand
    bool gave_up = false;     // what `cancelled` was when the wait ended; does not change any more
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

asio::awaitable<void> pool::wait(std::shared_ptr<pool> self, std::shared_ptr<waiter> w) {
    boost::system::error_code ec;
    bool served = false;
    {
        const std::lock_guard lock(self->mutex_);
        served = w->served;
    }
    if (!served && !w->cancelled) co_await w->timer.async_wait(asio::redirect_error(asio::use_awaitable, ec));
    w->gave_up = w->cancelled;
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
            waiting = std::make_shared<waiter>(executor_, to, fresh, deadline);
            line_.push_back(waiting);
        }
    }
    if (waiting) {
        place_in_line place(self, waiting);
        const asio::any_io_executor strand = waiting->strand;
        const auto give_up = [waiting] {
            waiting->cancelled = true;
            waiting->timer.cancel();
        };
        co_await on_strand(strand, wait(self, waiting), give_up);
        if (place.served())
            got = lease(self, place.take());
        else if (waiting->gave_up)
            throw boost::system::system_error(asio::error::operation_aborted);
        else
            co_return got; // the deadline passed
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
    if (next) {
        const asio::any_io_executor strand = next->strand;
        asio::post(strand, [next] { next->timer.cancel(); });
    }
}

} // namespace azkv::net
