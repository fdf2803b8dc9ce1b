// What a request may have done to the service, and how it may be repeated.
#pragma once

#include <algorithm>

namespace azkv::protocol {

/// Whether the service did what was asked for. In this order: what any one sending may have done, all may.
enum class applied {
    no,
    unknown, ///< a response was lost, or left it open
    yes,
};

constexpr applied either(applied a, applied b) {
    return std::max(a, b);
}

/// How a request may be repeated after a sending whose outcome is unknown. Each operation declares its own.
enum class idempotency {
    idempotent,        ///< sending it twice does what sending it once does
    verify_after_loss, ///< only after the operation has found out what became of the first sending
    never,
};

} // namespace azkv::protocol
