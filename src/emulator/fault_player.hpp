#pragma once

#include <azkv/faults.hpp>
#include <azkv/value.hpp>

#include <chrono>
#include <optional>
#include <string_view>

namespace azkv::emulation {

/// Tells which fault a request meets. One thread at a time.
class fault_player {
public:
    using time_point = std::chrono::steady_clock::time_point;

    fault_player(fault_plan plan, service_mode mode) : plan_(std::move(plan)), mode_(mode) {}

    /// What a request may meet that has just begun: `cut_request`, or what chance has drawn for it.
    std::optional<fault> begin();

    /// What it meets, now that it is known; `drawn` is what `begin` gave, if that was not played.
    std::optional<fault> meet(std::optional<fault> drawn, std::string_view method, std::string_view target,
                              time_point now);

private:
    fault take_step();
    bool is_too_much(time_point now);

    fault_plan plan_;
    service_mode mode_;
    time_point second_{}; // the beginning of the one that is counted
    std::size_t in_second_ = 0;
};

} // namespace azkv::emulation
