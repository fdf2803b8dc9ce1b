// Values that identify the write they belong to and reveal a torn or mixed one.
#pragma once

#include <azkv/value.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace azkv::test {

/// Returns a value that identifies its write: version `version` of `key`.
value checked_value(const std::string& key, std::uint64_t version);

/// Returns which version of `key` that is; nullopt if it is not exactly what `checked_value` returned.
std::optional<std::uint64_t> version_of(const std::string& key, const value& v);

} // namespace azkv::test
