#include "protocol/pace.hpp"

#include <algorithm>
#include <cmath>

namespace azkv::protocol {

using namespace std::chrono_literals;

namespace {

using seconds = std::chrono::duration<double>;

pace::duration time_of(double entities, double rate) {
    return std::chrono::duration_cast<pace::duration>(seconds(entities / rate));
}

} // namespace

// Back where it was after a second, and beyond only slowly: near the limit. What has not been refused after
// two seconds is far from it, and is doubled each 0.4 s.
double pace::rate(time_point now) const {
    constexpr double least = 10;
    constexpr double most = 1e7;
    const double t = std::max(seconds(now - since_).count(), 0.0);
    const double r = t <= 2 ? base_ * (1 + 0.1 * std::pow(t - 1, 3))
                            : 1.1 * base_ * std::exp2(std::min((t - 2) / 0.4, 60.0));
    return std::clamp(r, least, most);
}

void pace::join(call& c, time_point leaves) {
    c.leaves_ = leaves;
    if (!c.is_linked()) line_.push_back(c);
}

void pace::leave(call& c, time_point now, bool given_up) {
    if (c.is_linked()) line_.erase(line_.iterator_to(c));
    if (probe_ == &c) probe_ = nullptr;
    if (given_up) reserve_.ended(now - c.sent_, true);
}

pace::call* pace::next(time_point now) {
    when_next_ = time_point::max();
    while (!line_.empty() && line_.front().leaves_ <= now) line_.pop_front(); // too late for them
    if (line_.empty()) return nullptr;
    if (closed_ && probe_) return nullptr;
    if (!over_ && (now < paused_until_ || (!closed_ && now < next_))) {
        when_next_ = std::max(paused_until_, closed_ ? time_point() : next_);
        told_ = now;
        return nullptr;
    }
    call& c = line_.front();
    line_.pop_front();
    c.sent_ = now;
    // A transaction is sent whole, and pays afterwards. A timer that came late is made up for.
    next_ = (closed_ ? now : std::max(next_, now - 5ms)) + time_of(c.cost_, rate(now));
    if (closed_) probe_ = &c;
    return &c;
}

bool pace::refused(call& c, duration hint, time_point now) {
    leave(c, now);
    told_ = now;
    const bool closes = !closed_;
    // What was sent before the last refusal says nothing new.
    if (c.sent_ > cut_ || cut_ == time_point()) {
        if (closed_) {
            back_ = std::min<duration>(2 * back_, 100ms);
        } else {
            base_ = rate(now);
            back_ = 10ms;
            closed_ = true;
            closed_at_ = now;
        }
        cut_ = since_ = now;
        // One request in a while does no harm, whatever is asked for; and it may be nonsense.
        const duration longest = std::clamp<duration>(hint / 10, 100ms, 10s);
        paused_until_ = std::max(paused_until_, now + std::max(back_, std::min(hint, longest)));
        next_ = std::min(next_, paused_until_);
    }
    line_.push_front(c);
    return closes && closed_;
}

void pace::accepted(call& c, time_point now) {
    leave(c, now);
    reserve_.ended(now - c.sent_, false);
    if (!closed_ || c.sent_ < cut_) return;
    const duration was_closed = now - closed_at_;
    over_ = was_closed > 2s;
    if (!first_ && was_closed >= 200ms && was_closed <= 1100ms) base_ *= 0.8;
    closed_ = first_ = false;
    since_ = now;
}

bool pace::is_over(time_point now) const {
    return line_.empty() && (over_ || now - told_ > 1s);
}

} // namespace azkv::protocol
