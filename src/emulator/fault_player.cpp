#include "emulator/fault_player.hpp"

#include "emulator/fault_view.hpp"

#include <random>

namespace azkv::emulation {

std::optional<fault> fault_player::begin() {
    if (!plan_.script_.empty()) {
        const auto& step = plan_.script_.front();
        const bool at_once = step.what && fault_view(*step.what).kind() == fault_kind::cut_request;
        return at_once ? std::optional(take_step()) : std::nullopt;
    }
    if (plan_.chances_.empty()) return std::nullopt;
    // Not std::uniform_real_distribution: its results differ between standard libraries.
    const double draw = static_cast<double>(plan_.random_() >> 11) * 0x1p-53;
    for (const auto& chance : plan_.chances_)
        if (draw < chance.below) return chance.what;
    return std::nullopt;
}

std::optional<fault> fault_player::choose(std::optional<fault> drawn, std::string_view method,
                                          std::string_view target, time_point now) {
    if (plan_.per_second_ != 0 && exceeds_limit(now)) {
        fault busy =
            mode_ == service_mode::storage
                ? fault::answer(503, "ServerBusy", "The server is busy.")
                : fault::answer(429, "TooManyRequests",
                                R"({"Errors":["Request rate is large. More Request Units may be needed, )"
                                R"(so no changes were made."]})");
        const auto seconds = std::chrono::ceil<std::chrono::seconds>(plan_.retry_after_).count();
        if (seconds > 0) busy.header("Retry-After", std::to_string(seconds));
        return busy;
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
