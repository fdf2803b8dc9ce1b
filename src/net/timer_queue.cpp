#include "net/timer_queue.hpp"

#include <algorithm>

namespace azkv::net {

void timer_queue::add(entry& e, time_point deadline) {
    const std::lock_guard lock(mutex_);
    e.deadline_ = deadline;
    if (deadline < set_for_) set_timer(deadline);
    entries_.push_back(e); // last: nothing after it can fail
}

void timer_queue::reschedule(entry& e, time_point deadline) {
    const std::lock_guard lock(mutex_);
    e.deadline_ = deadline;
    if (deadline < set_for_) set_timer(deadline);
}

void timer_queue::remove(entry& e) {
    const std::lock_guard lock(mutex_);
    entries_.erase(entries_.iterator_to(e));
    if (!entries_.empty() || set_for_ == time_point::max()) return;
    set_for_ = time_point::max();
    timer_.cancel();
}

// Precondition: locked.
void timer_queue::set_timer(time_point at) {
    set_for_ = time_point::max(); // in case setting it fails
    timer_.expires_at(at);
    timer_.async_wait([self = shared_from_this(), set = ++times_set_](boost::system::error_code ec) {
        if (!ec) self->expire_due(set);
    });
    set_for_ = at;
}

void timer_queue::expire_due(unsigned long set) {
    const std::lock_guard lock(mutex_);
    if (set != times_set_) return; // the timer was set again meanwhile
    const auto now = std::chrono::steady_clock::now();
    time_point next = time_point::max();
    for (entry& e : entries_) {
        if (e.deadline_ > now) {
            next = std::min(next, e.deadline_);
        } else {
            e.deadline_ = time_point::max(); // notify once
            e.time_out();
        }
    }
    set_for_ = time_point::max();
    if (next != time_point::max()) set_timer(next);
}

} // namespace azkv::net
