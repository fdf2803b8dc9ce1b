#include "codec/names.hpp"

#include "codec/json_text.hpp"
#include "codec/utf.hpp"
#include "codec/write_marks.hpp"
#include "support/ascii.hpp"

#include <azkv/error.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

namespace azkv::codec {

bool is_system_name(std::string_view name, service_mode mode) {
    if (name == "PartitionKey" || name == "RowKey" || name == "Timestamp") return true;
    if (mode == service_mode::storage) return false;
    // The last six belong to the document in which Cosmos DB stores an entity.
    return std::ranges::any_of(std::array{"id", "ID", "rid", "etag", "ResourceId", "_ts", "_etag", "_rid",
                                          "_self", "_attachments", "_ttl"},
                               [&](std::string_view own) { return name == own; });
}

namespace {

// Sources: https://learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model
// and, for the row keys of Cosmos, https://learn.microsoft.com/azure/cosmos-db/table/faq
constexpr std::size_t max_key_units = 512;
constexpr std::size_t max_cosmos_row_key_bytes = 255;
constexpr std::size_t max_cosmos_partition_key_bytes = 1024;
constexpr std::size_t max_property_name_units = 255;

constexpr std::string_view part_delimiter = "_part_"; // LlamaIndex's

// Returns whether no member may be stored under that name. Cosmos DB drops `Etag`; which spellings of the
// others it drops or rejects is not known. A member `ttl` would make its document expire. (Reading still
// accepts those that are not system names, because old rows may have them.)
bool is_taken(std::string_view name, service_mode mode) {
    return is_system_name(name, mode) || name == marks_property || name == expiry_property
           || (mode == service_mode::cosmos
               && (name == "ttl"
                   || std::ranges::any_of(std::array{"id", "rid", "etag", "ResourceId"},
                                          [&](std::string_view own) { return ascii::is_equal(name, own); })));
}

constexpr std::size_t escape_length = 7; // _xHHHH_
constexpr std::size_t escape_head = 6;   // _xHHHH

bool is_ascii_letter(char32_t c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// Letters, digits and the underscore.
constexpr auto identifier = [] {
    std::array<bool, 256> table{};
    for (const char c : std::string_view("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"))
        table[static_cast<unsigned char>(c)] = true;
    return table;
}();

// Property names are C# identifiers. Of the letters beyond ASCII, those in every version of Unicode are
// stored unchanged. The list is part of the storage format and never changes, even if Unicode gains letters.
bool is_letter(char32_t c) {
    if (c < 0x80) return is_ascii_letter(c);
    constexpr std::pair<char32_t, char32_t> letters[] = {
        {0xC0, 0xD6},     {0xD8, 0xF6},     {0xF8, 0x17F},    // Latin
        {0x391, 0x3A1},   {0x3A3, 0x3CE},                     // Greek
        {0x401, 0x40C},   {0x410, 0x44F},   {0x451, 0x45C},   // Cyrillic
        {0x5D0, 0x5EA},   {0x621, 0x63A},   {0x641, 0x64A},   // Hebrew, Arabic
        {0x3041, 0x3094}, {0x30A1, 0x30FA}, {0x30FC, 0x30FC}, // Japanese
        {0x4E00, 0x9FA5}, {0xAC00, 0xD7A3}};                  // Chinese, Korean
    return std::ranges::any_of(letters, [c](const auto& l) { return c >= l.first && c <= l.second; });
}

bool is_digit(char32_t c) {
    return c >= '0' && c <= '9';
}

// Returns whether `text` begins with an escape, ignoring its last character.
bool begins_like_escape(std::string_view text) {
    const auto hex = [](char c) { return is_digit(c) || (c >= 'A' && c <= 'F'); };
    return text.size() >= escape_head && text.starts_with("_x")
           && std::ranges::all_of(text.substr(2, 4), hex);
}

// Returns the code unit of the escape at the beginning of `text`.
std::optional<unsigned> leading_escape(std::string_view text) {
    if (!begins_like_escape(text) || !text.substr(escape_head).starts_with('_')) return std::nullopt;
    unsigned unit = 0;
    const auto hex = text.substr(2, 4);
    std::from_chars(hex.data(), hex.data() + hex.size(), unit, 16);
    return unit;
}

void append_escape(std::string& out, char32_t c) {
    for_each_unit(c, [&](unsigned unit) {
        constexpr char digits[] = "0123456789ABCDEF";
        out.append("_x");
        for (int shift = 12; shift >= 0; shift -= 4) out.push_back(digits[unit >> shift & 15]);
        out.push_back('_');
    });
}

// Copies `text`. Escapes the characters for which `bad(character, offset)` is true, and the first character
// of a sequence that would read as an escape afterwards: `_x0041_`, and `_x0041` before a character whose own
// escape begins with `_`.
template <class Bad>
std::string escape(std::string_view text, Bad bad) {
    std::string out;
    out.reserve(text.size());
    for (std::string_view rest = text; !rest.empty();) {
        const std::size_t at = text.size() - rest.size();
        bool look_alike = false;
        if (begins_like_escape(rest) && rest.size() > escape_head) {
            std::string_view tail = rest.substr(escape_head);
            const char32_t next = next_code_point(tail);
            look_alike = next == '_' || bad(next, at + escape_head);
        }
        const std::string_view before = rest;
        const char32_t c = next_code_point(rest);
        if (look_alike || bad(c, at))
            append_escape(out, c);
        else
            out.append(before.substr(0, before.size() - rest.size()));
    }
    return out;
}

[[noreturn]] void refuse(errc code, const std::string& message) {
    throw error(code, message);
}

void check_utf8(std::string_view text, std::string_view what) {
    if (utf16_length(text) == std::string_view::npos)
        refuse(errc::invalid_argument, std::string(what) + " is not UTF-8");
}

void check_limit(std::size_t size, std::size_t limit, std::string_view unit, std::string_view what,
                 std::string_view text) {
    if (size <= limit) return;
    refuse(errc::too_large, std::string(what) + ' ' + in_quotes(text) + " takes " + std::to_string(size) + ' '
                                + std::string(unit) + " as stored; the service holds "
                                + std::to_string(limit));
}

// Returns the offset of a final `part_<digits>` that follows anything except an ASCII letter, usually `_`;
// npos if there is none.
std::size_t part_suffix(std::string_view name) {
    if (name.empty() || !is_digit(static_cast<unsigned char>(name.back()))) return name.npos;
    std::string_view head = name;
    while (!head.empty() && is_digit(static_cast<unsigned char>(head.back()))) head.remove_suffix(1);
    if (!head.ends_with(part_delimiter.substr(1))) return name.npos;
    head.remove_suffix(part_delimiter.size() - 1);
    if (head.empty() || is_ascii_letter(static_cast<unsigned char>(head.back()))) return name.npos;
    return head.size();
}

// The ASCII characters that keys store unchanged.
constexpr auto plain_in_key = [] {
    std::array<bool, 256> table{};
    for (std::size_t c = 0x20; c < 0x7F; ++c) table[c] = c != '/' && c != '\\' && c != '#' && c != '?';
    return table;
}();

std::string escape_for_key(std::string_view key) {
    const bool plain =
        std::ranges::all_of(key, [](char c) { return plain_in_key[static_cast<unsigned char>(c)]; })
        && key.find("_x") == key.npos;
    if (plain) return std::string(key); // true of most keys
    return escape(key, [](char32_t c, std::size_t) {
        return c == '/' || c == '\\' || c == '#' || c == '?' || c < 0x20 || (c >= 0x7F && c <= 0x9F);
    });
}

std::string escape_for_property(std::string_view name, service_mode mode) {
    const bool taken = is_taken(name, mode);
    // No member may look like a part. Escapes also end in `_`, so the `p` is escaped.
    const std::size_t part = part_suffix(name);
    return escape(name, [&](char32_t c, std::size_t at) {
        if (at == part || (at == 0 && (taken || is_digit(c)))) return true;
        return !(is_letter(c) || is_digit(c) || c == '_');
    });
}

std::string unescape(std::string_view stored) {
    if (stored.find("_x") == stored.npos) return std::string(stored);
    std::string out;
    out.reserve(stored.size());
    using utf8 = boost::locale::utf::utf_traits<char>;
    while (!stored.empty()) {
        const auto unit = leading_escape(stored);
        if (!unit) {
            out.push_back(stored.front());
            stored.remove_prefix(1);
            continue;
        }
        char32_t c = *unit;
        std::size_t used = escape_length;
        if (c >= 0xD800 && c < 0xDC00) {
            const auto low = leading_escape(stored.substr(escape_length));
            if (low && *low >= 0xDC00 && *low < 0xE000) {
                c = 0x10000 + ((c - 0xD800) << 10) + (*low - 0xDC00);
                used += escape_length;
            }
        }
        if (boost::locale::utf::is_valid_codepoint(c))
            utf8::encode(c, std::back_inserter(out));
        else
            out.append(stored.substr(0, used)); // half a surrogate pair: not written by azkv, left unchanged
        stored.remove_prefix(used);
    }
    return out;
}

} // namespace

std::string table_name(std::string_view collection, table_naming naming) {
    std::string name;
    std::ranges::copy_if(collection, std::back_inserter(name), [](char c) {
        const auto u = static_cast<unsigned char>(c);
        return is_ascii_letter(u) || is_digit(u);
    });
    if (name.empty())
        refuse(errc::invalid_argument,
               "invalid collection " + in_quotes(collection) + ": its name has no ASCII letter or digit");
    if (is_digit(static_cast<unsigned char>(name.front()))) name.insert(name.begin(), 'A');
    if (name.size() < 3) name.append(3 - name.size(), 'A');
    if (name.size() > 63) name.resize(63);
    if (ascii::is_equal(name, "tables"))
        refuse(errc::invalid_argument, "invalid collection " + in_quotes(collection)
                                           + ": its table would be \"" + name + "\", which is reserved");
    if (naming == table_naming::strict && name != collection)
        refuse(errc::invalid_argument, "invalid collection " + in_quotes(collection)
                                           + ": not a table name, and the naming is strict; use \"" + name
                                           + '"');
    return name;
}

std::string escape_key(std::string_view key, service_mode mode, key_kind kind) {
    const std::string_view what = kind == key_kind::row ? "key" : "partition";
    check_utf8(key, what);
    std::string stored = escape_for_key(key);
    check_limit(utf16_length(stored), max_key_units, "UTF-16 units", what, key);
    if (mode == service_mode::cosmos) {
        const std::size_t limit =
            kind == key_kind::row ? max_cosmos_row_key_bytes : max_cosmos_partition_key_bytes;
        check_limit(stored.size(), limit, "bytes", what, key);
        if (stored.empty())
            refuse(errc::invalid_argument,
                   std::string(what) + " is empty; Cosmos DB does not accept empty keys");
    }
    return stored;
}

void check_property_name(std::string_view stored, std::string_view member) {
    check_limit(utf16_length(stored), max_property_name_units, "UTF-16 units", "the member name", member);
}

bool is_plain_property(std::string_view name, service_mode mode) {
    if (name.empty() || name.size() > max_property_name_units
        || is_digit(static_cast<unsigned char>(name[0])))
        return false;
    char before = 0;
    for (const char c : name) {
        if (!identifier[static_cast<unsigned char>(c)] || (before == '_' && c == 'x')) return false;
        before = c;
    }
    return part_suffix(name) == name.npos && !is_taken(name, mode);
}

std::string escape_property(std::string_view name, service_mode mode) {
    if (name.empty()) refuse(errc::invalid_argument, "invalid member name: it is empty");
    check_utf8(name, "the member name");
    std::string stored = escape_for_property(name, mode);
    check_property_name(stored, name);
    return stored;
}

std::string unescape_key(std::string_view stored) {
    std::string key = unescape(stored);
    if (key.size() == stored.size()) return key; // no escapes
    return utf16_length(key) != key.npos && escape_for_key(key) == stored ? key : std::string(stored);
}

std::string unescape_property(std::string_view stored) {
    std::string name = unescape(stored);
    if (name.size() == stored.size()) return name; // no escapes
    const auto made_by = [&](service_mode mode) { return escape_for_property(name, mode) == stored; };
    return utf16_length(name) != name.npos
                   && (made_by(service_mode::storage) || made_by(service_mode::cosmos))
               ? name
               : std::string(stored);
}

std::string name_of_part(std::string_view base, std::size_t number) {
    return std::string(base).append(part_delimiter).append(std::to_string(number));
}

std::optional<part_name> read_part_name(std::string_view stored) {
    const std::size_t at = part_suffix(stored);
    if (at == stored.npos || at < 2 || stored[at - 1] != '_') return std::nullopt;
    part_name part;
    part.base = stored.substr(0, at - 1);
    const std::string_view digits = stored.substr(at + part_delimiter.size() - 1);
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), part.number);
    if (read.ec != std::errc{} || digits.starts_with('0')) return std::nullopt;
    return part;
}

std::string in_quotes(std::string_view text) {
    constexpr std::size_t readable = 100;
    if (utf16_length(text) == std::string_view::npos) return "(not UTF-8)";
    std::string_view head = text.substr(0, readable);
    while (!head.empty() && utf16_length(head) == std::string_view::npos) head.remove_suffix(1);
    std::string out;
    append_ascii_json(out, head);
    if (head.size() < text.size()) out.insert(out.size() - 1, "...");
    return out;
}

} // namespace azkv::codec
