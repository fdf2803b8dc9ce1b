#pragma once

#include "async/one_shot.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace azkv::async {

/// Counts who is inside, lets nobody in once it is shut, and tells those inside to leave. Safe to share
/// between threads.
class gate : public std::enable_shared_from_this<gate> {
public:
    using function = std::function<void()>;
    using time_point = std::chrono::steady_clock::time_point;

    /// Has a function called when the gate is cleared, or at once if it was; it must be quick, and leave the
    /// gate alone. Without a gate it does nothing.
    class notice {
    public:
        notice(std::shared_ptr<gate> owner, function f) : owner_(std::move(owner)) {
            if (!owner_) return;
            const std::lock_guard lock(owner_->mutex_);
            if (owner_->cleared_) f();
            owner_->notices_.push_front(std::move(f));
            at_ = owner_->notices_.begin();
        }

        notice(const notice&) = delete;
        notice& operator=(const notice&) = delete;

        ~notice() {
            if (!owner_) return;
            std::list<function> gone; // what it holds goes when the mutex is free again
            const std::lock_guard lock(owner_->mutex_);
            gone.splice(gone.begin(), owner_->notices_, at_);
        }

    private:
        std::shared_ptr<gate> owner_;
        std::list<function>::iterator at_;
    };

    /// The right to be inside.
    class pass {
    public:
        explicit pass(gate& owner) : owner_(owner.enter() ? owner.shared_from_this() : nullptr) {}

        pass(const pass&) = delete;
        pass& operator=(const pass&) = delete;

        ~pass() {
            if (owner_) owner_->leave();
        }

        /// False: it was shut.
        explicit operator bool() const { return owner_ != nullptr; }

    private:
        std::shared_ptr<gate> owner_;
    };

    void shut() { state_ |= 1; }

    bool is_shut() const { return state_ % 2 == 1; }

    /// Tells those inside to leave at once.
    void clear() {
        const std::lock_guard lock(mutex_);
        cleared_ = true;
        cut_off_ = cut_off_ || state_ > 1;
        for (const function& f : notices_) f();
    }

    /// Whether somebody was inside when it was cleared.
    bool has_cut_off() const {
        const std::lock_guard lock(mutex_);
        return cut_off_;
    }

    bool is_cleared() const {
        const std::lock_guard lock(mutex_);
        return cleared_;
    }

    /// Whether nobody is inside by the deadline. Throws `operation_aborted` when cancelled before.
    /// Precondition: it is shut.
    static asio::awaitable<bool> empty(std::shared_ptr<gate> self, asio::any_io_executor executor,
                                       time_point deadline) {
        const auto left = std::make_shared<event>(executor);
        const waiter w(*self, left);
        bool empty = self->state_ <= 1;
        if (!empty) empty = co_await left->wait(deadline);
        co_return empty;
    }

private:
    class waiter {
    public:
        waiter(gate& owner, std::shared_ptr<event> e) : owner_(owner), event_(std::move(e)) {
            const std::lock_guard lock(owner_.mutex_);
            owner_.waiting_.push_back(event_);
        }

        waiter(const waiter&) = delete;
        waiter& operator=(const waiter&) = delete;

        ~waiter() {
            const std::lock_guard lock(owner_.mutex_);
            std::erase(owner_.waiting_, event_);
        }

    private:
        gate& owner_;
        const std::shared_ptr<event> event_;
    };

    bool enter() {
        const bool open = state_.fetch_add(2) % 2 == 0;
        if (!open) leave();
        return open;
    }

    void leave() {
        if (state_.fetch_sub(2) != 3) return;
        const std::lock_guard lock(mutex_); // so that nobody who waits can go while it is told
        for (const std::shared_ptr<event>& e : waiting_) e->set();
    }

    std::atomic<std::size_t> state_{0}; // twice the number of those inside; one more when it is shut

    mutable std::mutex mutex_; // guards what follows
    bool cleared_ = false;
    bool cut_off_ = false;
    std::list<function> notices_;
    std::vector<std::shared_ptr<event>> waiting_;
};

} // namespace azkv::async
