// The time that a call must have left to be worth starting. No I/O, no clock of its own.
#pragma once

#include <algorithm>
#include <chrono>

namespace azkv::support {

/// Estimates the 90th percentile of the duration of exchanges, and adds a quarter. As soon as a tenth of the
/// calls went to a slow partition, a higher percentile would be that of its responses, and would keep out all
/// other calls, too. The quarter is for exchanges that are a little slower than most: without it a tenth of
/// them would be given up. An exchange that was given up counts as longer than the estimate, which would
/// otherwise stay low forever where hardly any exchange completes.
class time_reserve {
public:
    using clock = std::chrono::steady_clock;

    /// Returns the reserve of a call that began to wait at `since`: at most half of its time, so that a slow
    /// service, or a part of it, does not keep out all calls.
    clock::duration of(clock::time_point since, clock::time_point deadline) const {
        return std::min<clock::duration>(estimate_ * 5 / 4, (deadline - since) / 2);
    }

    void ended(clock::duration took, bool given_up) {
        if (estimate_.count() == 0) {
            estimate_ = took;
        } else {
            const bool longer = given_up || took > estimate_;
            estimate_ = std::chrono::duration_cast<clock::duration>(estimate_ * (longer ? 1.09 : 0.99));
        }
        estimate_ =
            std::clamp<clock::duration>(estimate_, std::chrono::microseconds(10), std::chrono::minutes(1));
    }

private:
    clock::duration estimate_{0}; // 0 before the first exchange has ended
};

} // namespace azkv::support
