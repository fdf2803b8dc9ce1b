#pragma once

#include <algorithm>
#include <chrono>
#include <mutex>

namespace azkv::protocol {

/// How many retries all calls of a store may make: a bucket of tokens. A request that is sent for the first
/// time earns a share of one, so does time; a retry takes one. When nothing succeeds the traffic is therefore
/// little more than it was before. Safe to share between threads.
class retry_budget {
public:
    using time_point = std::chrono::steady_clock::time_point;

    static constexpr double reserve = 40;
    static constexpr double per_second =
        6; // more than one caller uses, call after call, with the usual pauses

    explicit retry_budget(double share) : share_(share), most_(reserve * std::max(share, 1.0)) {}

    /// A request is sent for the first time.
    void earn() {
        const std::lock_guard lock(mutex_);
        tokens_ = std::min(tokens_ + share_, most_);
    }

    /// Whether another attempt may be made.
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
    const double most_; // that may be saved
    std::mutex mutex_;  // guards what follows
    double tokens_ = reserve;
    time_point refilled_;
};

} // namespace azkv::protocol
