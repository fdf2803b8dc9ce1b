#include "support/base64.hpp"

#include <openssl/evp.h>

#include <algorithm>

namespace azkv::support {

namespace {

unsigned char* bytes_of(std::string& s) {
    return reinterpret_cast<unsigned char*>(s.data());
}

const unsigned char* bytes_of(std::string_view s) {
    return reinterpret_cast<const unsigned char*>(s.data());
}

bool is_digit(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/';
}

// OpenSSL's decoder, which accepts padding anywhere, blanks around the text, and unused bits that are set.
std::optional<std::string> decode_padded(std::string_view text) {
    if (text.size() % 4 != 0) return std::nullopt;
    std::string bytes(text.size() / 4 * 3, '\0');
    const int n = EVP_DecodeBlock(bytes_of(bytes), bytes_of(text), static_cast<int>(text.size()));
    if (n < 0) return std::nullopt;
    bytes.resize(static_cast<std::size_t>(n) - text.ends_with("=") - text.ends_with("=="));
    return bytes;
}

} // namespace

std::string encode_base64(std::string_view bytes) {
    std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0'); // the encoder appends a zero
    const int n = EVP_EncodeBlock(bytes_of(text), bytes_of(bytes), static_cast<int>(bytes.size()));
    text.resize(static_cast<std::size_t>(n));
    return text;
}

std::string encode_base64url(std::string_view bytes) {
    std::string text = encode_base64(bytes);
    while (text.ends_with('=')) text.pop_back();
    std::ranges::replace(text, '+', '-');
    std::ranges::replace(text, '/', '_');
    return text;
}

std::optional<std::string> decode_base64(std::string_view text) {
    std::optional<std::string> bytes = decode_padded(text);
    if (bytes && encode_base64(*bytes) != text) return std::nullopt;
    return bytes;
}

std::optional<std::string> decode_base64_lenient(std::string_view text) {
    if (text.ends_with('=') && text.size() % 4 != 0) return std::nullopt;
    for (int i = 0; i < 2 && text.ends_with('='); ++i) text.remove_suffix(1);
    std::string padded(text);
    std::ranges::replace(padded, '-', '+');
    std::ranges::replace(padded, '_', '/');
    if (!std::ranges::all_of(padded, is_digit) || padded.size() % 4 == 1) return std::nullopt;
    padded.append((4 - padded.size() % 4) % 4, '=');
    return decode_padded(padded);
}

} // namespace azkv::support
