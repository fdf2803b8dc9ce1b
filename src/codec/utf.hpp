// UTF-8 and UTF-16: decoding, lengths, fast scans.
#pragma once

#include <boost/locale/utf.hpp>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace azkv::codec {

/// In place of a code point: the text is not UTF-8 here.
inline constexpr char32_t malformed = 0xFFFFFFFF;

/// Removes the next code point from `text` and returns it. Precondition: `text` is not empty.
inline char32_t next_code_point(std::string_view& text) {
    using utf8 = boost::locale::utf::utf_traits<char>;
    const char* at = text.data();
    const auto c = utf8::decode(at, text.data() + text.size());
    if (!boost::locale::utf::is_valid_codepoint(c)) return malformed;
    text.remove_prefix(static_cast<std::size_t>(at - text.data()));
    return static_cast<char32_t>(c);
}

/// Returns at most `n` bytes at the front of a text that is UTF-8, without a part of a code point.
inline std::string_view prefix_within(std::string_view text, std::size_t n) {
    if (text.size() <= n) return text;
    while (n > 0 && (static_cast<unsigned char>(text[n]) & 0xC0) == 0x80) --n;
    return text.substr(0, n);
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

/// Returns how many characters at the front of `text` are ASCII. Examines eight at a time.
inline std::size_t ascii_prefix(std::string_view text) {
    std::size_t n = 0;
    for (std::uint64_t word = 0; text.size() - n >= sizeof word; n += sizeof word) {
        std::memcpy(&word, text.data() + n, sizeof word);
        if (word & 0x8080808080808080) break;
    }
    while (n < text.size() && static_cast<unsigned char>(text[n]) < 0x80) ++n;
    return n;
}

/// The printable ASCII characters that need no escape in a JSON string.
inline constexpr auto plain_in_json = [] {
    std::array<bool, 256> table{};
    for (std::size_t c = 0x20; c < 0x7F; ++c) table[c] = c != '"' && c != '\\';
    return table;
}();

/// Returns how many characters at the front of `text` are `plain_in_json`. Examines sixteen or eight at a
/// time, because nearly all text that is written passes through here.
inline std::size_t plain_prefix(std::string_view text) {
    std::size_t n = 0;
#ifdef __SSE2__
    const auto special_at = [&](std::size_t at) {
        const __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text.data() + at));
        const auto is = [&](char c) { return _mm_cmpeq_epi8(block, _mm_set1_epi8(c)); };
        // Signed comparison: characters beyond ASCII are negative, and so is 0x7F + 1.
        const __m128i below = _mm_cmplt_epi8(_mm_add_epi8(block, _mm_set1_epi8(1)), _mm_set1_epi8(0x20 + 1));
        return static_cast<unsigned>(_mm_movemask_epi8(_mm_or_si128(below, _mm_or_si128(is('"'), is('\\')))));
    };
    if (constexpr std::size_t size = sizeof(__m128i); text.size() >= size) {
        const std::size_t last = text.size() - size; // the last block overlaps the one before
        for (; n < last; n += size)
            if (const unsigned found = special_at(n); found != 0)
                return n + static_cast<std::size_t>(std::countr_zero(found));
        const unsigned found = special_at(last);
        return found != 0 ? last + static_cast<std::size_t>(std::countr_zero(found)) : text.size();
    }
#else
    constexpr std::uint64_t ones = 0x0101010101010101;
    constexpr std::uint64_t highs = 0x8080808080808080;
    const auto has_zero = [](std::uint64_t w) { return (w - ones) & ~w & highs; };
    for (std::uint64_t word = 0; text.size() - n >= sizeof word; n += sizeof word) {
        std::memcpy(&word, text.data() + n, sizeof word);
        const std::uint64_t below = (word & highs) | ((word - ones * 0x20) & ~word & highs);
        if (below | has_zero(word ^ ones * '"') | has_zero(word ^ ones * '\\') | has_zero(word ^ ones * 0x7F))
            break;
    }
#endif
    while (n < text.size() && plain_in_json[static_cast<unsigned char>(text[n])]) ++n;
    return n;
}

/// Returns the length in UTF-16 code units, the unit of the service's limits; npos if `text` is not UTF-8.
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
