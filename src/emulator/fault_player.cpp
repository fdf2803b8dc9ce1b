#include "emulator/fault_player.hpp"

#include <random>

namespace azkv::emulation {

fault_player::fault_player(fault_plan plan, service_mode mode) : plan_(std::move(plan)), mode_(mode) {
    if (plan_.entities_per_second_ != 0) partitions_.emplace(plan_.entities_per_second_, plan_.burst_);
}

std::optional<fault> fault_player::begin() {
    if (!plan_.script_.empty()) {
        const auto& step = plan_.script_.front();
        const bool at_once = step.what && fault_view(*step.what).kind() == fault_kind::cut_request;
        return at_once ? std::optional(take_step()) : std::nullopt;
    }
    if (plan_.chances_.empty()) return std::nullopt;
    const double drawn = draw();
    for (const auto& chance : plan_.chances_)
        if (drawn < chance.below) return chance.what;
    return std::nullopt;
}

std::optional<fault> fault_player::choose(std::optional<fault> drawn, std::string_view method,
                                          std::string_view target, time_point now,
                                          const std::optional<partition_charge>& charge) {
    if (plan_.per_second_ != 0 && exceeds_limit(now)) {
        fault f = busy(fault_kind::throttle);
        const auto seconds = std::chrono::ceil<std::chrono::seconds>(plan_.retry_after_).count();
        if (seconds > 0) f.header("Retry-After", std::to_string(seconds));
        return f;
    }
    if (charge && partitions_) {
        if (const auto wait = partitions_->take(charge->partition, charge->entities, now)) {
            fault f = busy(fault_kind::partition_throttle);
            if (mode_ == service_mode::cosmos) f.header("x-ms-retry-after-ms", std::to_string(wait->count()));
            return f;
        }
    }
    if (drawn) return fault_view(*drawn).applies_to(method, target) ? drawn : std::nullopt;
    if (plan_.script_.empty()) return std::nullopt;
    auto& step = plan_.script_.front();
    if (!step.what) {
        if (--step.left == 0) plan_.script_.pop_front();
        return std::nullopt;
    }
    if (!fault_view(*step.what).applies_to(method, target)) return std::nullopt;
    return take_step();
}

void fault_player::charge(const partition_charge& query, std::size_t rows, time_point now) {
    if (partitions_ && rows > 1) partitions_->charge(query.partition, rows - 1, now);
}

std::chrono::microseconds fault_player::draw_latency() {
    std::chrono::microseconds latency = plan_.latency_;
    if (plan_.jitter_.count() > 0) {
        const std::chrono::duration<double, std::micro> most(plan_.jitter_);
        latency += std::chrono::duration_cast<std::chrono::microseconds>(draw() * most);
    }
    return latency;
}

// From 0 to 1. Not std::uniform_real_distribution: its results differ between standard libraries.
double fault_player::draw() {
    return static_cast<double>(plan_.random_() >> 11) * 0x1p-53;
}

fault fault_player::busy(fault_kind limit) const {
    if (mode_ == service_mode::storage)
        return fault_view::limit(limit, 503, "ServerBusy", "The server is busy.");
    return fault_view::limit(limit, 429, "TooManyRequests",
                             R"(Message: {"Errors":["Request rate is large. More Request Units may be )"
                             R"(needed, so no changes were made."]})");
}

fault fault_player::take_step() {
    auto& step = plan_.script_.front();
    fault f = *step.what;
    if (--step.left == 0) plan_.script_.pop_front();
    return f;
}

bool fault_player::exceeds_limit(time_point now) {
    if (now - second_ >= std::chrono::seconds(1)) {
        second_ = now;
        in_second_ = 0;
    }
    return ++in_second_ > plan_.per_second_;
}

} // namespace azkv::emulation
