#include "client/pacing.hpp"

#include "support/process.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace azkv::client {

using std::chrono::steady_clock;

// Admits the tickets that are due, and wakes the first of the others if it would wake too late.
// Precondition: locked.
void pacing::admit_due(pace& p, time_point now) {
    while (pace::call* const c = p.next(now)) {
        auto& t = static_cast<ticket&>(*c);
        t.admitted_ = true;
        if (t.event_) t.event_->set();
    }
    auto* const first = static_cast<ticket*>(p.first());
    if (first && first->event_ && p.when_next() < first->next_check_) first->event_->set();
}

// In a forked child another thread of the parent may have held the mutex.
pacing::ticket::~ticket() {
    if (pace_ && process_ == support::process_number()) leave(false);
}

// Precondition: locked.
void pacing::ticket::drop_finished(time_point now) {
    auto& all = owner_.paces_;
    if (const auto own = all.find(std::pair(collection_, partition_)); own != all.end())
        drop_if_finished(own, now);
    if (now >= owner_.next_sweep_) {
        owner_.next_sweep_ = now + std::chrono::milliseconds(100);
        for (auto at = all.begin(); at != all.end();) at = drop_if_finished(at, now);
    }
    owner_.has_paces_ = !all.empty();
}

// Returns the next pace. Precondition: locked.
pacing::paces::iterator pacing::ticket::drop_if_finished(paces::iterator at, time_point now) {
    if (!at->second->is_over(now)) return std::next(at);
    auto& all = owner_.paces_;
    const std::string collection = at->first.first;
    at = all.erase(at);
    // Another partition of the collection is next to it.
    const bool throttles_still = (at != all.end() && at->first.first == collection)
                                 || (at != all.begin() && std::prev(at)->first.first == collection);
    if (!throttles_still) reports_.emplace_back().collection = collection;
    return at;
}

void pacing::ticket::drop_finished() {
    const auto now = steady_clock::now();
    const std::lock_guard lock(owner_.mutex_);
    drop_finished(now);
}

// Returns the pace of the partition; null if there is none. Precondition: locked.
std::shared_ptr<protocol::pace> pacing::ticket::find_pace() const {
    const auto own = owner_.paces_.find(std::pair(collection_, partition_));
    return own == owner_.paces_.end() ? nullptr : own->second;
}

// Returns true if the wait is over; otherwise sets when to check again. Precondition: locked.
bool pacing::ticket::is_ready(time_point now, time_point& until) {
    if (event_) event_->reset(); // before the checks, so that none is missed
    admit_due(*pace_, now);
    until = std::min(leaves(), now + std::chrono::seconds(1));
    if (pace_->first() == this) until = std::min(until, pace_->when_next());
    next_check_ = until;
    return admitted_ || !is_in_line() || now >= leaves();
}

asio::awaitable<pacing::ticket::result>
pacing::ticket::wait(asio::any_io_executor executor, std::shared_ptr<async::operation_tracker> tracker,
                     time_point deadline) {
    time_point until;
    std::shared_ptr<async::manual_reset_event> e;
    {
        const std::lock_guard lock(owner_.mutex_);
        const auto now = steady_clock::now();
        const bool has_place = pace_ != nullptr; // its last request was throttled
        pace_ = find_pace();
        if (!pace_) co_return result::admitted;
        pace_->join(*this, pace_->leaving_time(now, deadline));
        if (!is_ready(now, until)) {
            if (!has_place && pace_->waiting() > owner_.most_waiting_) {
                pace_->leave(*this, now);
                pace_.reset();
                co_return result::overloaded;
            }
            event_ = e = std::make_shared<async::manual_reset_event>(executor);
        }
    }
    if (e) {
        const async::operation_tracker::abort_subscription cleared(tracker, [e] { e->set(); });
        for (bool ready = false; !ready && !tracker->is_aborted();) {
            co_await e->wait(until);
            const std::lock_guard lock(owner_.mutex_);
            ready = is_ready(steady_clock::now(), until);
        }
    }
    {
        const std::lock_guard lock(owner_.mutex_);
        event_.reset();
        if (std::exchange(admitted_, false)) co_return result::admitted;
    }
    leave(false);
    co_return tracker->is_aborted() ? result::closed : result::late;
}

void pacing::ticket::refused(duration hint) {
    const auto now = steady_clock::now();
    const std::lock_guard lock(owner_.mutex_);
    drop_finished(now);
    std::shared_ptr<pace> p = find_pace();
    if (!p) {
        p = std::make_shared<pace>(now);
        owner_.paces_.emplace(std::pair(std::string(collection_), std::string(partition_)), p);
        owner_.has_paces_ = true;
    }
    if (pace_ && pace_ != p) pace_->leave(*this, now);
    pace_ = p;
    if (p->refused(*this, hint, now)) {
        summary& s = reports_.emplace_back();
        s.collection = collection_;
        s.rate = p->rate(now);
        s.waiting = p->waiting();
        s.pause = p->paused_until() - now;
    }
    admit_due(*p, now);
}

void pacing::ticket::accepted() {
    if (!pace_) return;
    const auto now = steady_clock::now();
    const std::lock_guard lock(owner_.mutex_);
    pace_->accepted(*this, now);
    admit_due(*pace_, now);
    drop_finished(now); // this may have been the last call that waited
    pace_.reset();
}

void pacing::ticket::lost(bool given_up) {
    if (pace_) leave(given_up);
}

void pacing::ticket::leave(bool given_up) {
    const auto now = steady_clock::now();
    const std::lock_guard lock(owner_.mutex_);
    event_.reset();
    admitted_ = false;
    pace_->leave(*this, now, given_up);
    admit_due(*pace_, now);
    pace_.reset();
}

pacing::summary pacing::ticket::summarize() const {
    const auto now = steady_clock::now();
    const std::lock_guard lock(owner_.mutex_);
    summary s;
    const std::shared_ptr<pace> p = find_pace();
    if (!p) return s;
    s.rate = p->rate(now);
    s.waiting = p->waiting();
    return s;
}

} // namespace azkv::client
