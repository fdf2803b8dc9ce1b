#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace azkv::identity {

std::string to_base64(std::string_view bytes);

/// In the alphabet of URLs, without padding.
std::string to_base64url(std::string_view bytes);

/// From either alphabet, with or without padding; nullopt if it is neither.
std::optional<std::string> from_base64(std::string_view text);

} // namespace azkv::identity
