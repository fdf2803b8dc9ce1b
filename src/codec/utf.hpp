#pragma once

#include <boost/locale/utf.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace azkv::codec {

/// No code point: the text is not UTF-8 here.
inline constexpr char32_t malformed = 0xFFFFFFFF;

/// The next code point of `text`, which is advanced behind it. Precondition: `text` is not empty.
inline char32_t next_code_point(std::string_view& text) {
    using utf8 = boost::locale::utf::utf_traits<char>;
    const char* at = text.data();
    const auto c = utf8::decode(at, text.data() + text.size());
    if (!boost::locale::utf::is_valid_codepoint(c)) return malformed;
    text.remove_prefix(static_cast<std::size_t>(at - text.data()));
    return static_cast<char32_t>(c);
}

/// Calls `use` with the one or two UTF-16 code units of a code point.
template <class Use>
void for_each_unit(char32_t c, Use use) {
    if (c < 0x10000) {
        use(static_cast<unsigned>(c));
    } else {
        use(static_cast<unsigned>(0xD800 + ((c - 0x10000) >> 10)));
        use(static_cast<unsigned>(0xDC00 + ((c - 0x10000) & 0x3FF)));
    }
}

/// How many characters at the front of `text` are ASCII, looked at eight at a time.
inline std::size_t ascii_prefix(std::string_view text) {
    std::size_t n = 0;
    for (std::uint64_t word = 0; text.size() - n >= sizeof word; n += sizeof word) {
        std::memcpy(&word, text.data() + n, sizeof word);
        if (word & 0x8080808080808080) break;
    }
    while (n < text.size() && static_cast<unsigned char>(text[n]) < 0x80) ++n;
    return n;
}

/// How many characters at the front of `text` stand for themselves in a JSON string and are printable ASCII,
/// looked at eight at a time.
inline std::size_t plain_prefix(std::string_view text) {
    constexpr std::uint64_t ones = 0x0101010101010101;
    constexpr std::uint64_t highs = 0x8080808080808080;
    const auto has_zero = [](std::uint64_t w) { return (w - ones) & ~w & highs; };
    std::size_t n = 0;
    for (std::uint64_t word = 0; text.size() - n >= sizeof word; n += sizeof word) {
        std::memcpy(&word, text.data() + n, sizeof word);
        const std::uint64_t special = (word & highs) | ((word - ones * 0x20) & ~word & highs)
                                      | has_zero(word ^ ones * '"') | has_zero(word ^ ones * '\\')
                                      | has_zero(word ^ ones * 0x7F);
        if (special) break;
    }
    while (n < text.size() && text[n] >= 0x20 && text[n] < 0x7F && text[n] != '"' && text[n] != '\\') ++n;
    return n;
}

/// The length in UTF-16 code units, in which the service counts; npos if `text` is not UTF-8.
inline std::size_t utf16_length(std::string_view text) {
    std::size_t units = 0;
    for (;;) {
        const std::size_t plain = ascii_prefix(text);
        units += plain;
        text.remove_prefix(plain);
        if (text.empty()) return units;
        const char32_t c = next_code_point(text);
        if (c == malformed) return std::string_view::npos;
        units += c < 0x10000 ? 1 : 2;
    }
}

} // namespace azkv::codec
