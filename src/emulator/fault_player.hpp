// Chooses the fault for each request. No I/O, no clock.
#pragma once

#include "emulator/fault_view.hpp"
#include "emulator/partition_throttle.hpp"

#include <azkv/faults.hpp>
#include <azkv/value.hpp>

#include <chrono>
#include <optional>
#include <string_view>

namespace azkv::emulation {

/// Chooses the fault for each request. Used by one thread at a time.
class fault_player {
public:
    using time_point = std::chrono::steady_clock::time_point;

    fault_player(fault_plan, service_mode);

    /// Returns the fault for a request that has just begun: `cut_request`, or a randomly drawn fault.
    std::optional<fault> begin();

    /// Returns whether `choose` needs to know what a request needs from its partition.
    bool throttles_partitions() const { return partitions_.has_value(); }

    /// Returns the fault for a complete request. `drawn` is the result of `begin` unless that was played
    /// already.
    std::optional<fault> choose(std::optional<fault> drawn, std::string_view method, std::string_view target,
                                time_point now, const std::optional<partition_charge>& = std::nullopt);

    /// Charges the rows that a query has returned, of which one is paid for already.
    void charge(const partition_charge&, std::size_t rows, time_point now);

    /// Returns the latency of the next request; mostly zero.
    std::chrono::microseconds draw_latency();

private:
    double draw();
    fault take_step();
    bool exceeds_limit(time_point now);
    fault busy(fault_kind limit) const;

    fault_plan plan_;
    service_mode mode_;
    std::optional<partition_throttle> partitions_;
    time_point second_{}; // the beginning of the current second
    std::size_t in_second_ = 0;
};

} // namespace azkv::emulation
