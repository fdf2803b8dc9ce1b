// Chooses the fault for each request. No I/O, no clock.
#pragma once

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

    fault_player(fault_plan plan, service_mode mode) : plan_(std::move(plan)), mode_(mode) {}

    /// Returns the fault for a request that has just begun: `cut_request`, or a randomly drawn fault.
    std::optional<fault> begin();

    /// Returns the fault for a complete request. `drawn` is the result of `begin` unless that was played
    /// already.
    std::optional<fault> choose(std::optional<fault> drawn, std::string_view method, std::string_view target,
                                time_point now);

private:
    fault take_step();
    bool exceeds_limit(time_point now);

    fault_plan plan_;
    service_mode mode_;
    time_point second_{}; // the beginning of the current second
    std::size_t in_second_ = 0;
};

} // namespace azkv::emulation
