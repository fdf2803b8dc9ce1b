// How fast a partition that throttles is asked.
#pragma once

#include "support/reserve.hpp"

#include <boost/intrusive/list.hpp>

#include <chrono>
#include <cstddef>

namespace azkv::protocol {

/// The pace of all calls to one partition, from the first that was throttled on: no socket, no clock, no
/// timer of its own. A refusal closes it; while it is closed one request at a time tries, and after the first
/// that is accepted the others go on, a little slower than before, and soon faster. Nothing counts as failed:
/// a call that was refused keeps its place.
class pace {
public:
    using clock = std::chrono::steady_clock;
    using time_point = clock::time_point;
    using duration = clock::duration;

    /// A call that is in line, or whose request is under way. It must not go before it has left.
    class call : public boost::intrusive::list_base_hook<
                     boost::intrusive::link_mode<boost::intrusive::normal_link>> {
    public:
        /// `cost`: how many entities its requests have.
        explicit call(std::size_t cost) : cost_(static_cast<double>(cost)) {}

        /// Its request is sent without having been in line.
        void sent(time_point now) {
            sent_ = now;
            refused_ = false;
        }

        /// When it leaves the line.
        time_point leaves() const { return leaves_; }

        bool is_in_line() const { return in_line_; }

    private:
        friend class pace;

        double cost_;
        time_point sent_;
        time_point leaves_ = time_point::max();
        bool in_line_ = false;
        bool refused_ = false; // when it was last sent
    };

    explicit pace(time_point now) : since_(now - std::chrono::seconds(1)), needed_(now) {}

    pace(const pace&) = delete;
    pace& operator=(const pace&) = delete;

    /// At the end of the line; a call that was refused at its head: it keeps its place. From `leaves` on it
    /// is not sent any more. Not twice.
    void join(call& c, time_point leaves = time_point::max());

    /// When a call that begins to wait leaves the line: as long before its deadline as requests take.
    time_point leaving_time(time_point now, time_point deadline) const {
        return deadline - reserve_.of(now, deadline);
    }

    /// It waits no longer, or its request was lost. `given_up`: as it took too long.
    void leave(call& c, time_point now, bool given_up = false);

    /// The next call whose request is to be sent now. Null: there is none, or none before `when_next()`.
    call* next(time_point now);

    /// The time at which to ask for the next, when there was none; the end of time if something else has to
    /// happen before.
    time_point when_next() const { return when_next_; }

    /// Whose turn comes next; null if nobody waits.
    call* first() { return line_.empty() ? nullptr : &line_.front(); }

    /// Its request was throttled, and may join again. `hint`: how long the service asks to be left
    /// alone; zero: it does not say. Whether the pace closes.
    bool refused(call& c, duration hint, time_point now);

    /// Its request was answered otherwise.
    void accepted(call& c, time_point now);

    /// Whether it is needed no longer: nobody has had to wait for it for a second, or what refused the calls
    /// was an outage, which is over; `next` gives all that are in line then.
    bool is_over(time_point now) const;

    std::size_t waiting() const { return line_.size(); }

    /// Entities a second.
    double rate(time_point now) const;

    /// Until when it is closed at least.
    time_point paused_until() const { return paused_until_; }

private:
    void remove_first();

    boost::intrusive::list<call> line_;
    support::reserve reserve_;
    double base_ = 2000; // entities a second, at the last closure
    time_point since_;   // when the rate began to grow
    time_point cut_;     // what was sent before says nothing new
    duration back_{0};   // between two tries
    time_point paused_until_;
    time_point outage_from_; // if it is still closed then
    time_point probe_until_; // then another call tries, too
    time_point next_;        // when the rate allows another request
    time_point when_next_;
    time_point needed_; // when somebody last had to wait, or was refused
    time_point closed_at_;
    bool closed_ = false;
    bool first_ = true; // closure: the rate was guessed
    bool outage_over_ = false;
    const call* probe_ = nullptr;
};

} // namespace azkv::protocol
