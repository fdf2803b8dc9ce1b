// Closing: counts the operations in flight, refuses new ones, aborts those that remain, and waits for their
// end.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <vector>

namespace azkv::async {

namespace asio = boost::asio;

class manual_reset_event;

/// Knows how many operations are in flight. Safe to share between threads.
class operation_tracker : public std::enable_shared_from_this<operation_tracker> {
public:
    using function = std::function<void()>;
    using time_point = std::chrono::steady_clock::time_point;

    /// Has a function called when the operations are aborted, or at once if they were. The function must be
    /// quick and must not use the tracker. A subscription without a tracker does nothing.
    class abort_subscription {
    public:
        abort_subscription(std::shared_ptr<operation_tracker> tracker, function f);

        abort_subscription(const abort_subscription&) = delete;
        abort_subscription& operator=(const abort_subscription&) = delete;

        ~abort_subscription();

    private:
        std::shared_ptr<operation_tracker> tracker_;
        std::list<function>::iterator at_;
    };

    /// One operation in flight, unless it was refused.
    class registration {
    public:
        explicit registration(operation_tracker& t)
            : tracker_(t.try_begin() ? t.shared_from_this() : nullptr) {}

        registration(const registration&) = delete;
        registration& operator=(const registration&) = delete;

        ~registration() {
            if (tracker_) tracker_->end();
        }

        /// Returns false if the operation was refused.
        explicit operator bool() const { return tracker_ != nullptr; }

    private:
        std::shared_ptr<operation_tracker> tracker_;
    };

    /// From now on operations are refused.
    void stop_accepting() { state_ |= 1; }

    bool is_stopped() const { return state_ % 2 == 1; }

    /// Aborts the operations in flight.
    void abort_all();

    bool is_aborted() const;

    /// Returns true if operations were in flight when `abort_all` was called.
    bool has_aborted_any() const;

    /// Returns whether no operation is in flight by the deadline. Throws `operation_aborted` when cancelled
    /// before. Precondition: `is_stopped()`.
    static asio::awaitable<bool> wait_idle(std::shared_ptr<operation_tracker> self,
                                           asio::any_io_executor executor, time_point deadline);

private:
    class idle_waiter;

    bool try_begin();
    void end();

    std::atomic<std::size_t> state_{0}; // twice the number of operations in flight; plus one when stopped

    mutable std::mutex mutex_; // guards what follows
    bool aborted_ = false;
    bool aborted_any_ = false;
    std::list<function> subscribers_;
    std::vector<std::shared_ptr<manual_reset_event>> waiting_;
};

} // namespace azkv::async
