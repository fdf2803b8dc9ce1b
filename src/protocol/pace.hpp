// Pacing: how fast requests go to a partition that throttles. No I/O, no clock.
#pragma once

#include "support/time_reserve.hpp"

#include <boost/intrusive/list.hpp>

#include <chrono>
#include <cstddef>

namespace azkv::protocol {

/// The pace of all calls to one partition, beginning with the first throttled call. A refusal closes the
/// pace. While it is closed, one request at a time probes the partition. After the first accepted request the
/// others continue, a little slower than before and soon faster. A refused call has not failed: it keeps its
/// place in the queue.
class pace {
public:
    using clock = std::chrono::steady_clock;
    using time_point = clock::time_point;
    using duration = clock::duration;

    /// A call in the queue or with a request in flight. It must call `leave` before it is destroyed.
    class call : public boost::intrusive::list_base_hook<
                     boost::intrusive::link_mode<boost::intrusive::normal_link>> {
    public:
        /// `cost` is the number of entities in its requests.
        explicit call(std::size_t cost) : cost_(static_cast<double>(cost)) {}

        /// Its request is sent without queueing.
        void sent(time_point now) {
            sent_ = now;
            refused_ = false;
        }

        /// Returns when the call leaves the queue.
        time_point leaves() const { return leaves_; }

        bool is_in_line() const { return in_line_; }

    private:
        friend class pace;

        double cost_;
        time_point sent_;
        time_point leaves_ = time_point::max();
        bool in_line_ = false;
        bool refused_ = false; // its last request
    };

    explicit pace(time_point now) : since_(now - std::chrono::seconds(1)), needed_(now) {}

    pace(const pace&) = delete;
    pace& operator=(const pace&) = delete;

    /// Appends the call to the queue, or puts it at the front if its last request was refused. From `leaves`
    /// on it is no longer sent. Precondition: the call is not in the queue.
    void join(call& c, time_point leaves = time_point::max());

    /// Returns when a call that begins to wait must leave the queue: its deadline less the time that requests
    /// take.
    time_point leaving_time(time_point now, time_point deadline) const {
        return deadline - reserve_.of(now, deadline);
    }

    /// The call stops waiting, or its request was lost. `given_up` means that the request took too long.
    void leave(call& c, time_point now, bool given_up = false);

    /// Returns the call whose request is to be sent now; null if there is none before `when_next()`.
    call* next(time_point now);

    /// Returns when to call `next` again after it returned null; `time_point::max()` if not before another
    /// event.
    time_point when_next() const { return when_next_; }

    /// Returns the front of the queue; null if the queue is empty.
    call* first() { return line_.empty() ? nullptr : &line_.front(); }

    /// The request of `c` was throttled; the call may join again. `hint` is the pause that the service asks
    /// for; zero if it asks for none. Returns whether this closes the pace.
    bool refused(call& c, duration hint, time_point now);

    /// The request of `c` was not throttled.
    void accepted(call& c, time_point now);

    /// Returns whether the pace is no longer needed: no call has had to wait for a second, or the refusals
    /// came from an outage that is over. After an outage `next` returns all queued calls at once.
    bool is_over(time_point now) const;

    std::size_t waiting() const { return line_.size(); }

    /// Returns the rate in entities per second.
    double rate(time_point now) const;

    /// Returns until when the pace is closed at least.
    time_point paused_until() const { return paused_until_; }

private:
    void remove_first();

    boost::intrusive::list<call> line_;
    support::time_reserve reserve_;
    double base_ = 2000; // entities per second when the pace last closed
    time_point since_;   // start of the growth of the rate
    time_point cut_;     // refusals of requests sent before are not counted again
    duration back_{0};   // pause between two probes
    time_point paused_until_;
    time_point outage_from_; // if still closed at that time, it is an outage
    time_point probe_until_; // after that another call probes, too
    time_point next_;        // when the rate allows another request
    time_point when_next_;
    time_point needed_; // when a call last had to wait or was refused
    time_point closed_at_;
    bool closed_ = false;
    bool first_ = true; // first closure: `base_` is a guess
    bool outage_over_ = false;
    const call* probe_ = nullptr;
};

} // namespace azkv::protocol
