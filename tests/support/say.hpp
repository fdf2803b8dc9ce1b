#pragma once

#include <string_view>
#include <unistd.h>

namespace azkv::test {

/// Writes to stderr what a signal's handler, or a child of `fork`, has to say.
inline void say(std::string_view text) noexcept {
    static_cast<void>(!::write(STDERR_FILENO, text.data(), text.size()));
}

} // namespace azkv::test
