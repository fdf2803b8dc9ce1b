// How much of its time a call has to have left to be worth beginning.
#pragma once

#include <algorithm>
#include <chrono>

namespace azkv::support {

/// Follows the 90th percentile of how long exchanges take, and adds a quarter. A higher percentile would be
/// that of a slow partition's answers as soon as a tenth of the calls goes there, and keep all others out,
/// too; the quarter is for those that are a little slower than most, of which a tenth would be given up. What
/// was given up counts as longer: the estimate would stay low for ever where hardly anything comes to its
/// end. No clock of its own.
class reserve {
public:
    using clock = std::chrono::steady_clock;

    /// Of a call that began to wait at `since`: never more than half of its time, so that a slow service, or
    /// a part of it, does not keep everybody out.
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
    clock::duration estimate_{0}; // nothing before the first exchange has ended
};

} // namespace azkv::support
