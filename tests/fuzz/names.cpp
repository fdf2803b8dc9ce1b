#include "codec/names.hpp"

#include "codec/utf.hpp"
#include "fuzz.hpp"

#include <algorithm>
#include <string>

using namespace azkv;

namespace {

bool is_letter_or_digit(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

void check_key(std::string_view text, service_mode mode, codec::key_kind kind) {
    const auto stored = fuzz::unless_refused([&] { return codec::escape_key(text, mode, kind); });
    if (!stored) return;
    fuzz::require(codec::unescape_key(*stored) == text, "escaping preserves a key");
    fuzz::require(codec::utf16_length(*stored) <= 512, "the service holds the key");
    fuzz::require(std::ranges::none_of(*stored,
                                       [](char c) {
                                           return c == '/' || c == '\\' || c == '#' || c == '?' || c == 0x7F
                                                  || static_cast<unsigned char>(c) < 0x20;
                                       }),
                  "the key has only characters that the service takes");
}

void check_property(std::string_view text, service_mode mode) {
    const auto stored = fuzz::unless_refused([&] { return codec::escape_property(text, mode); });
    if (!stored) return;
    fuzz::require(codec::unescape_property(*stored) == text, "escaping preserves a name");
    fuzz::require(!stored->empty() && codec::utf16_length(*stored) <= 255, "the service holds the name");
    const auto in_identifier = [](char c) {
        return c == '_' || is_letter_or_digit(c) || static_cast<unsigned char>(c) >= 0x80;
    };
    fuzz::require(!is_digit(stored->front()) && std::ranges::all_of(*stored, in_identifier),
                  "the name is an identifier");
    fuzz::require(!codec::read_part_name(*stored), "the name is not that of a part");
    fuzz::require(!codec::is_plain_property(text, mode) || *stored == text,
                  "a plain name is stored as it is");
    fuzz::require(*stored != "PartitionKey" && *stored != "RowKey" && *stored != "Timestamp",
                  "the name is not the service's own");
}

void check_table(std::string_view text) {
    const auto name = fuzz::unless_refused([&] { return codec::table_name(text); });
    if (!name) return;
    fuzz::require(name->size() >= 3 && name->size() <= 63 && !is_digit(name->front())
                      && std::ranges::all_of(*name, is_letter_or_digit),
                  "the service takes the table's name");
    fuzz::require(codec::table_name(*name) == *name, "a table's name names that table");
}

} // namespace

bool fuzz::check(std::string_view input) {
    for (const auto mode : {service_mode::storage, service_mode::cosmos}) {
        check_key(input, mode, codec::key_kind::row);
        check_key(input, mode, codec::key_kind::partition);
        check_property(input, mode);
    }
    check_table(input);

    constexpr auto malformed = std::string_view::npos;
    for (const std::string& read : {codec::unescape_key(input), codec::unescape_property(input)}) {
        require(read.size() <= input.size(), "unescaping never lengthens a name");
        require(codec::utf16_length(input) == malformed || codec::utf16_length(read) != malformed,
                "what is read of UTF-8 is UTF-8");
    }
    if (const auto part = codec::read_part_name(input))
        require(codec::name_of_part(part->base, part->number) == input,
                "a part's name is read as it is written");
    require(std::ranges::all_of(codec::in_quotes(input), [](char c) { return c >= 0x20 && c < 0x7F; }),
            "messages are ASCII");
    return true;
}
