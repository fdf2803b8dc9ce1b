#pragma once

#include <azkv/value.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace azkv::test {

/// A value that shows which write it is of: version `version` of `key`.
value checked_value(const std::string& key, std::uint64_t version);

/// Which version of `key` that is; nullopt if it is not, whole and unchanged, what `checked_value` made.
std::optional<std::uint64_t> version_of(const std::string& key, const value& v);

} // namespace azkv::test
