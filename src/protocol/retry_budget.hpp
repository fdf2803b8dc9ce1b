// Retries: how many all calls of a store may send. No I/O, no clock.
#pragma once

#include <algorithm>
#include <chrono>
#include <mutex>

namespace azkv::protocol {

/// A token bucket that limits the retries of all calls of a store. Each first attempt earns a share of a
/// token, and so does time; each retry spends one token. During an outage the traffic therefore grows only by
/// that share. Safe to share between threads.
class retry_budget {
public:
    using time_point = std::chrono::steady_clock::time_point;

    static constexpr double reserve = 40;
    static constexpr double per_second = 6; // more than one sequential caller uses with the default backoff

    explicit retry_budget(double share) : share_(share), most_(reserve * std::max(share, 1.0)) {}

    /// Called for each first attempt.
    void earn() {
        const std::lock_guard lock(mutex_);
        tokens_ = std::min(tokens_ + share_, most_);
    }

    /// Returns whether another attempt may be sent.
    bool spend(time_point now) {
        const std::lock_guard lock(mutex_);
        if (now > refilled_) {
            const std::chrono::duration<double> since = now - refilled_;
            tokens_ = std::min(tokens_ + since.count() * per_second, most_);
            refilled_ = now;
        }
        if (tokens_ < 1) return false;
        tokens_ -= 1;
        return true;
    }

private:
    const double share_;
    const double most_; // tokens that can be saved
    std::mutex mutex_;  // guards what follows
    double tokens_ = reserve;
    time_point refilled_;
};

} // namespace azkv::protocol
