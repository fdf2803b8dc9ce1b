#pragma once

namespace azkv::test {

/// Whether the program runs under a sanitizer, which makes it several times slower.
inline constexpr bool sanitized = AZKV_SANITIZED;

} // namespace azkv::test
