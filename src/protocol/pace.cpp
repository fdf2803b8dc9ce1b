#include "protocol/pace.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace azkv::protocol {

using namespace std::chrono_literals;

namespace {

using seconds = std::chrono::duration<double>;

pace::duration time_of(double entities, double rate) {
    return std::chrono::duration_cast<pace::duration>(seconds(entities / rate));
}

} // namespace

// A cubic curve: the rate is back at `base_` after one second and grows slowly around it, where the limit
// probably is. After two seconds without a refusal the limit is far away, and the rate doubles every 0.4 s.
double pace::rate(time_point now) const {
    constexpr double least = 10;
    constexpr double most = 1e7;
    const double t = closed_ ? 0 : std::max(seconds(now - since_).count(), 0.0);
    const double r = t <= 2 ? base_ * (1 + 0.1 * std::pow(t - 1, 3))
                            : 1.1 * base_ * std::exp2(std::min((t - 2) / 0.4, 60.0));
    return std::clamp(r, least, most);
}

void pace::join(call& c, time_point leaves) {
    c.leaves_ = leaves;
    c.in_line_ = true;
    if (std::exchange(c.refused_, false))
        line_.push_front(c);
    else
        line_.push_back(c);
}

void pace::remove_first() {
    line_.front().in_line_ = false;
    line_.pop_front();
}

void pace::leave(call& c, time_point now, bool given_up) {
    if (std::exchange(c.in_line_, false)) line_.erase(line_.iterator_to(c));
    if (probe_ == &c) probe_ = nullptr;
    c.refused_ = false;
    if (given_up) reserve_.ended(now - c.sent_, true);
}

pace::call* pace::next(time_point now) {
    when_next_ = time_point::max();
    while (!line_.empty() && line_.front().leaves_ <= now) remove_first(); // too little time left
    if (line_.empty()) return nullptr;
    if (closed_ && probe_ && now < probe_until_) {
        when_next_ = probe_until_;
        return nullptr;
    }
    if (!outage_over_ && (now < paused_until_ || (!closed_ && now < next_))) {
        when_next_ = std::max(paused_until_, closed_ ? time_point() : next_);
        needed_ = now;
        return nullptr;
    }
    call& c = line_.front();
    remove_first();
    c.sent_ = now;
    // A transaction is sent at once and delays the next request. Up to 5 ms of timer delay are made up for.
    next_ = (closed_ ? now : std::max(next_, now - 5ms)) + time_of(c.cost_, rate(now));
    if (closed_) {
        probe_ = &c;
        probe_until_ = now + std::max<duration>(1s, 4 * reserve_.of(now, time_point::max()));
    }
    return &c;
}

bool pace::refused(call& c, duration hint, time_point now) {
    leave(c, now);
    needed_ = now;
    const bool closes = !closed_;
    // A request sent before the last refusal says nothing new.
    if (c.sent_ > cut_ || cut_ == time_point()) {
        if (closed_) {
            back_ = std::min<duration>(2 * back_, 100ms);
        } else {
            base_ = rate(now);
            back_ = 10ms;
            closed_ = true;
            outage_over_ = false;
            closed_at_ = now;
            outage_from_ = now + 2s;
        }
        cut_ = since_ = now;
        // Limits the pause: an occasional request does no harm, and the hint may be wrong.
        const duration longest = std::clamp<duration>(hint / 10, 100ms, 10s);
        paused_until_ = std::max(paused_until_, now + std::max(back_, std::min(hint, longest)));
        next_ = std::min(next_, paused_until_);
        // A long pause is not an outage.
        if (back_ == 10ms) outage_from_ = std::max(outage_from_, paused_until_ + 2s);
    }
    c.refused_ = true;
    return closes && closed_;
}

void pace::accepted(call& c, time_point now) {
    leave(c, now);
    reserve_.ended(now - c.sent_, false);
    if (!closed_ || c.sent_ < cut_) return;
    const duration was_closed = now - closed_at_;
    outage_over_ = now > outage_from_;
    if (!first_ && was_closed >= 200ms && was_closed <= 1100ms) base_ *= 0.8;
    closed_ = first_ = false;
    since_ = now;
}

bool pace::is_over(time_point now) const {
    return line_.empty() && !probe_ && now >= paused_until_ && (outage_over_ || now - needed_ > 1s);
}

} // namespace azkv::protocol
