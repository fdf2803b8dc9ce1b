#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/intrusive/list.hpp>

#include <chrono>
#include <memory>
#include <mutex>

namespace azkv::net {

namespace asio = boost::asio;

/// Tells what is under way that its time is over. One timer, set for the earliest deadline or before, serves
/// all that is under way at the same time. It runs only while there is something to watch, so that it keeps
/// no context running. Safe to share between threads.
class deadlines : public std::enable_shared_from_this<deadlines> {
public:
    using time_point = std::chrono::steady_clock::time_point;

    explicit deadlines(const asio::any_io_executor& executor) : timer_(executor) {}

    /// What can be told. No two watches at the same time.
    class watched : public boost::intrusive::list_base_hook<> {
    protected:
        ~watched() = default;

    private:
        friend class deadlines;

        /// Called by any thread, not after the watch has gone; must be quick, and leave the deadlines alone.
        virtual void time_out() = 0;

        time_point deadline_;
    };

    /// Watches as long as it lives.
    class watch {
    public:
        watch(std::shared_ptr<deadlines> owner, watched& w, time_point deadline)
            : owner_(std::move(owner)), watched_(w) {
            owner_->add(watched_, deadline);
        }

        watch(const watch&) = delete;
        watch& operator=(const watch&) = delete;

        ~watch() { owner_->remove(watched_); }

        /// Another deadline from now on.
        void move_to(time_point deadline) { owner_->move(watched_, deadline); }

    private:
        const std::shared_ptr<deadlines> owner_;
        watched& watched_;
    };

private:
    void add(watched&, time_point);
    void move(watched&, time_point);
    void remove(watched&);
    void set_timer(time_point);
    void look(unsigned long set);

    std::mutex mutex_; // guards what follows
    asio::steady_timer timer_;
    unsigned long sets_ = 0; // of the timer
    time_point set_for_ = time_point::max();
    boost::intrusive::list<watched, boost::intrusive::constant_time_size<false>> watched_;
};

} // namespace azkv::net
