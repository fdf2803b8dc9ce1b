// Output that is safe in signal handlers and forked children.
#pragma once

#include <string_view>
#include <unistd.h>

namespace azkv::test {

/// Writes the text to stderr, from a signal handler or a child of `fork`.
inline void say(std::string_view text) noexcept {
    static_cast<void>(!::write(STDERR_FILENO, text.data(), text.size()));
}

} // namespace azkv::test
