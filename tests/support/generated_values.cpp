#include "support/generated_values.hpp"

#include "codec/utf.hpp"

#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <string_view>
#include <utility>
#include <vector>

namespace azkv::test {

namespace json = boost::json;

double value_generator::number() {
    static const double nasty[] = {0.0,
                                   -0.0,
                                   0.1,
                                   5.0,
                                   -1.0,
                                   1e-308,
                                   5e-324,
                                   1.7976931348623157e308,
                                   9007199254740993.0,
                                   1e21,
                                   1e22,
                                   123456789012345680.0,
                                   0.30000000000000004,
                                   4294967296.0,
                                   9223372036854775808.0,
                                   std::numeric_limits<double>::infinity(),
                                   -std::numeric_limits<double>::infinity(),
                                   std::numeric_limits<double>::quiet_NaN()};
    if (one_in(2)) return any_of(nasty);
    const double d = one_in(2) ? std::bit_cast<double>(random_())
                               : std::uniform_real_distribution<double>(0, 1000)(random_);
    return std::isnan(d) ? 0.5 : d;
}

namespace {

const std::string_view nasty_texts[] = {"null",
                                        "true",
                                        "123",
                                        "-0",
                                        "1e5",
                                        "NaN",
                                        "Infinity",
                                        "{}",
                                        "[]",
                                        "\"\"",
                                        "{\"a\":1}",
                                        "[NaN]",
                                        "[-Infinity,1]",
                                        "{\"a\":NaN}",
                                        "[1e400]",
                                        "[123456789012345678901234567890]",
                                        "\"quoted\"",
                                        "\"open",
                                        "{",
                                        "[1",
                                        "[1,]",
                                        " {}",
                                        "{} ",
                                        "nul",
                                        "null ",
                                        "\"\\ud83d\"",
                                        "\"\\u0000\"",
                                        "[1e9999999,NaN]",
                                        "[\"NaN\"]",
                                        "2026-11-22T12:00:00Z",
                                        "0f8fad5b-d9cb-469f-a165-70867728950e",
                                        "AAH/",
                                        "",
                                        " ",
                                        "é",
                                        "日本",
                                        "😀",
                                        "\xE2\x80\xA8",
                                        "\xEF\xBF\xBE",
                                        "\xEF\xBF\xBF",
                                        "\xF4\x8F\xBF\xBF",
                                        "\x7F",
                                        "\xC2\x80",
                                        "\r\n",
                                        "\\",
                                        "\\u0041",
                                        "'",
                                        "--changeset",
                                        "</script>",
                                        "_x0041_",
                                        "a_part_1"};
const std::string_view pieces[] = {"a",      "B",      "7",   "_",       " ",   "\"",  "\\", "/",    "\n",
                                   "{",      "[",      "_x",  "_x0041_", "é",   "日",  "😀",  "0041", "\t",
                                   "_part_", "part_2", "\\u", "'",       "%",   "#",   "?",  "]",    "}",
                                   "@",      "odata.", ",",   ":",       "\x1", "\x7F"};

} // namespace

std::string value_generator::text() {
    if (one_in(2)) return std::string(any_of(nasty_texts));
    std::string out;
    for (std::size_t n = up_to(12); n > 0; --n) {
        if (one_in(16))
            out.push_back('\0');
        else
            out.append(any_of(pieces));
    }
    return out;
}

std::string value_generator::name() {
    static const std::string_view nasty[] = {"a",
                                             "b",
                                             "name",
                                             "PartitionKey",
                                             "RowKey",
                                             "Timestamp",
                                             "odata.etag",
                                             "odata.type",
                                             "x@odata.type",
                                             "a@odata.type",
                                             "a_part_1",
                                             "a_part_2",
                                             "a_part_10",
                                             "a_part_01",
                                             "a_part_",
                                             "a_part_0",
                                             "b_part_1",
                                             "_part_1",
                                             "1",
                                             "12",
                                             "_x0041_",
                                             "_x0041",
                                             "_x005F_x0041_",
                                             "_xD83D_",
                                             "a_x0041",
                                             "id",
                                             "ID",
                                             "rid",
                                             "etag",
                                             "ResourceId",
                                             "größe",
                                             "名前",
                                             "имя",
                                             "é\xCC\x81",
                                             "😀",
                                             "my-name",
                                             "a b",
                                             ".",
                                             "@",
                                             "$",
                                             "\"",
                                             "\\",
                                             "_",
                                             "__",
                                             "A",
                                             "partitionkey",
                                             "_x",
                                             "a_part_99999999999999999999",
                                             "a-part_1",
                                             "1part_1",
                                             "part_1",
                                             "apart_1",
                                             "\xC3\xA9part_2"};
    if (!one_in(4)) return std::string(any_of(nasty));
    std::string out = text();
    while (codec::utf16_length(out) > 30) out.pop_back();
    while (codec::utf16_length(out) == std::string_view::npos) out.pop_back();
    return out.empty() ? "n" + std::to_string(up_to(500)) : out;
}

// Around the maximum length of one property, with indivisible text at the edge.
std::string value_generator::long_text() {
    static const std::string_view edges[] = {"x", "😀", "\n", "\"", "\\", "é", "\x01", "日", "[", "1"};
    std::size_t length = 32'760 + up_to(12);
    if (one_in(4)) length = length * 2;
    std::string out;
    if (one_in(3)) out = any_of(edges);
    if (one_in(8)) out = "[\"";
    out.append(length - codec::utf16_length(out), 'x');
    for (std::size_t n = up_to(6); n > 0; --n) out.append(any_of(edges));
    if (one_in(8)) out.append("\"]");
    return out;
}

json::value value_generator::scalar() {
    static const std::int64_t integers[] = {0,
                                            1,
                                            -1,
                                            std::numeric_limits<std::int32_t>::max(),
                                            std::numeric_limits<std::int32_t>::min(),
                                            std::int64_t{1} << 31,
                                            -(std::int64_t{1} << 31) - 1,
                                            (std::int64_t{1} << 53) + 1,
                                            std::numeric_limits<std::int64_t>::max(),
                                            std::numeric_limits<std::int64_t>::min()};
    static const std::uint64_t large[] = {std::uint64_t{1} << 63, std::numeric_limits<std::uint64_t>::max(),
                                          7, (std::uint64_t{1} << 63) - 1};
    switch (up_to(7)) {
    case 0: return nullptr;
    case 1: return one_in(2);
    case 2: return any_of(integers);
    case 3: return any_of(large);
    case 4: return static_cast<std::int64_t>(random_());
    case 5: return number();
    default: return json::value(text());
    }
}

json::value value_generator::nested(std::size_t levels) {
    if (levels == 0) return scalar();
    if (one_in(2)) {
        json::array items;
        for (std::size_t n = up_to(4); n > 0; --n) items.push_back(nested(up_to(levels - 1)));
        return items;
    }
    json::object members;
    for (std::size_t n = up_to(4); n > 0; --n) members[one_in(20) ? "" : name()] = nested(up_to(levels - 1));
    return members;
}

value value_generator::make(bool large) {
    value v;
    const std::size_t members = one_in(1000) ? 200 : up_to(6);
    for (std::size_t n = 0; n < members; ++n) v[name()] = one_in(3) ? nested(up_to(4)) : scalar();
    if (large && one_in(200)) v[name()] = json::value(long_text());
    if (large && one_in(400)) {
        json::array items;
        for (std::size_t n = up_to(4000); n > 0; --n) items.push_back(scalar());
        v[name()] = std::move(items);
    }
    if (one_in(500)) {
        json::value deep = scalar();
        for (std::size_t n = 500 - up_to(2); n > 0; --n) deep = json::array{std::move(deep)};
        v[name()] = std::move(deep);
    }
    return v;
}

namespace {

// Values that are a step smaller.
std::vector<json::value> smaller(const json::value& v) {
    std::vector<json::value> all;
    if (v.is_array()) {
        const json::array& items = v.get_array();
        if (items.size() > 8) { // large steps first
            const auto middle = items.begin() + static_cast<std::ptrdiff_t>(items.size() / 2);
            all.emplace_back(json::array(items.begin(), middle));
            all.emplace_back(json::array(middle, items.end()));
            return all;
        }
        for (const json::value& item : items) all.push_back(item);
        for (std::size_t i = 0; i < items.size(); ++i) {
            json::array fewer = items;
            fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(i));
            all.emplace_back(std::move(fewer));
        }
        for (std::size_t i = 0; i < items.size(); ++i) {
            for (json::value& item : smaller(items[i])) {
                json::array other = items;
                other[i] = std::move(item);
                all.emplace_back(std::move(other));
            }
        }
    } else if (v.is_object()) {
        const json::object& members = v.get_object();
        for (const auto& member : members) {
            json::object fewer = members;
            fewer.erase(member.key());
            all.emplace_back(std::move(fewer));
        }
        for (const auto& member : members) {
            for (json::value& part : smaller(member.value())) {
                json::object other = members;
                other[member.key()] = std::move(part);
                all.emplace_back(std::move(other));
            }
        }
    } else if (v.is_string() && !v.get_string().empty()) {
        const std::string_view text = v.get_string();
        const auto add = [&](std::string_view part) {
            if (codec::utf16_length(part) != part.npos) all.emplace_back(json::string_view(part));
        };
        add(text.substr(0, text.size() / 2));
        add(text.substr(text.size() / 2));
        add(text.substr(1));
        add(text.substr(0, text.size() - 1));
    } else if (!v.is_null() && v != json::value(0)) {
        all.emplace_back(0);
    }
    return all;
}

} // namespace

value shrink(value v, const std::function<bool(const value&)>& fails) {
    for (int steps = 0; steps < 2000; ++steps) {
        bool found = false;
        for (json::value& candidate : smaller(v)) {
            if (!fails(candidate.get_object())) continue;
            v = std::move(candidate.get_object());
            found = true;
            break;
        }
        if (!found) break;
    }
    return v;
}

} // namespace azkv::test
