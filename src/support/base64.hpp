// Base64 (RFC 4648), both alphabets. No I/O.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace azkv::support {

std::string encode_base64(std::string_view bytes);

/// Uses the alphabet of URLs and no padding.
std::string encode_base64url(std::string_view bytes);

/// Decodes only what `encode_base64` returns; nullopt for any other text.
std::optional<std::string> decode_base64(std::string_view text);

/// Decodes either alphabet, with or without padding; nullopt if the text is neither.
std::optional<std::string> decode_base64_lenient(std::string_view text);

} // namespace azkv::support
