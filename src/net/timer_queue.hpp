// Deadlines: one timer for all operations in flight.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/intrusive/list.hpp>

#include <chrono>
#include <memory>
#include <mutex>
#include <utility>

namespace azkv::net {

namespace asio = boost::asio;

/// Notifies each entry when its deadline has passed. All entries share one timer, set for the earliest
/// deadline or before. The timer runs only while there are entries, so an idle queue keeps no context
/// running. Safe to share between threads.
class timer_queue : public std::enable_shared_from_this<timer_queue> {
public:
    using time_point = std::chrono::steady_clock::time_point;

    explicit timer_queue(const asio::any_io_executor& executor) : timer_(executor) {}

    /// What has a deadline. It is registered at most once at a time.
    class entry : public boost::intrusive::list_base_hook<> {
    protected:
        ~entry() = default;

    private:
        friend class timer_queue;

        /// Called by any thread, but only while the registration lives. Must be quick and must not use the
        /// queue.
        virtual void time_out() = 0;

        time_point deadline_;
    };

    /// Keeps an entry in the queue.
    class registration {
    public:
        registration(std::shared_ptr<timer_queue> owner, entry& e, time_point deadline)
            : owner_(std::move(owner)), entry_(e) {
            owner_->add(entry_, deadline);
        }

        registration(const registration&) = delete;
        registration& operator=(const registration&) = delete;

        ~registration() { owner_->remove(entry_); }

        /// Replaces the deadline.
        void reschedule(time_point deadline) { owner_->reschedule(entry_, deadline); }

    private:
        const std::shared_ptr<timer_queue> owner_;
        entry& entry_;
    };

private:
    void add(entry&, time_point);
    void reschedule(entry&, time_point);
    void remove(entry&);
    void set_timer(time_point);
    void expire_due(unsigned long set);

    std::mutex mutex_; // guards what follows
    asio::steady_timer timer_;
    unsigned long times_set_ = 0; // how often the timer was set
    time_point set_for_ = time_point::max();
    boost::intrusive::list<entry, boost::intrusive::constant_time_size<false>> entries_;
};

} // namespace azkv::net
