// Whether the tests run under a sanitizer.
#pragma once

namespace azkv::test {

/// True if the program runs under a sanitizer, which slows it down several times.
inline constexpr bool sanitized = AZKV_SANITIZED;

} // namespace azkv::test
