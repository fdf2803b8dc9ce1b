#include "net/deadlines.hpp"

#include <algorithm>

namespace azkv::net {

void deadlines::add(watched& w, time_point deadline) {
    const std::lock_guard lock(mutex_);
    w.deadline_ = deadline;
    if (deadline < set_for_) set_timer(deadline);
    watched_.push_back(w); // nothing can fail any more
}

void deadlines::move(watched& w, time_point deadline) {
    const std::lock_guard lock(mutex_);
    w.deadline_ = deadline;
    if (deadline < set_for_) set_timer(deadline);
}

void deadlines::remove(watched& w) {
    const std::lock_guard lock(mutex_);
    watched_.erase(watched_.iterator_to(w));
    if (!watched_.empty() || set_for_ == time_point::max()) return;
    set_for_ = time_point::max();
    timer_.cancel();
}

// Precondition: locked.
void deadlines::set_timer(time_point at) {
    set_for_ = time_point::max(); // should it fail
    timer_.expires_at(at);
    timer_.async_wait([self = shared_from_this(), set = ++sets_](boost::system::error_code ec) {
        if (!ec) self->look(set);
    });
    set_for_ = at;
}

void deadlines::look(unsigned long set) {
    const std::lock_guard lock(mutex_);
    if (set != sets_) return; // it was set for another time meanwhile
    const auto now = std::chrono::steady_clock::now();
    time_point next = time_point::max();
    for (watched& w : watched_) {
        if (w.deadline_ > now) {
            next = std::min(next, w.deadline_);
        } else {
            w.deadline_ = time_point::max(); // once is enough
            w.time_out();
        }
    }
    set_for_ = time_point::max();
    if (next != time_point::max()) set_timer(next);
}

} // namespace azkv::net
