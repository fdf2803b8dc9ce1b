// What a request may have done at the service, and how it may be repeated.
#pragma once

#include <algorithm>

namespace azkv::protocol {

/// Whether the service applied a request. Ordered, so that several sends together have the greatest of their
/// values.
enum class applied {
    no,
    unknown, ///< the response was lost or does not say
    yes,
};

constexpr applied combined(applied a, applied b) {
    return std::max(a, b);
}

/// How a request may be repeated after a send whose outcome is unknown. Each operation declares its own.
enum class idempotency {
    idempotent,        ///< two sends have the effect of one
    verify_after_loss, ///< only after the operation has determined the outcome of the first send
    never,
};

} // namespace azkv::protocol
