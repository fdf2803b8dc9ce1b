#include "codec/json_text.hpp"

#include "codec/utf.hpp"

#include <azkv/error.hpp>

#include <boost/container/small_vector.hpp>
#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/error.hpp>
#include <boost/json/parse_options.hpp>
#include <boost/json/value_stack.hpp>
#include <boost/url/grammar/ci_string.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <string>
#include <system_error>
#include <utility>

namespace azkv::codec {

namespace json = boost::json;
using boost::system::error_code;

namespace {

// The words that Python writes for NaN and infinities. Boost.JSON's parser (as of 1.81) does not accept them,
// so they are replaced by numbers beyond the range of doubles.
constexpr std::string_view nan_word = "NaN", nan_stand_in = "1e9999999";
constexpr std::string_view infinity_word = "Infinity", infinity_stand_in = "2e9999999";
constexpr std::string_view stand_in_exponent = "e9999999";

std::optional<double> number(std::string_view text) {
    if (text.find_first_of(".eE") == text.npos) return std::nullopt; // an integer of more than 64 bits
    return finite_double(text);
}

std::optional<double> word_or_number(std::string_view text) {
    constexpr double infinity = std::numeric_limits<double>::infinity();
    if (text == nan_stand_in) return std::numeric_limits<double>::quiet_NaN();
    if (text == infinity_stand_in) return infinity;
    if (text.starts_with('-') && text.substr(1) == infinity_stand_in) return -infinity;
    return number(text);
}

// Replaces the words by their stand-ins. Returns nullopt if there are none.
std::optional<std::string> replace_words(std::string_view text) {
    if (text.find(nan_word) == text.npos && text.find(infinity_word) == text.npos) return std::nullopt;
    std::string out;
    out.reserve(text.size() + 16);
    bool in_string = false;
    bool replaced = false;
    while (!text.empty()) {
        const bool nan = !in_string && text.starts_with(nan_word);
        const bool infinite = !in_string && text.starts_with(infinity_word);
        if (!in_string && text.starts_with(stand_in_exponent))
            return std::nullopt; // it would be mistaken for a stand-in
        if (nan || infinite) {
            out.append(nan ? nan_stand_in : infinity_stand_in);
            text.remove_prefix(nan ? nan_word.size() : infinity_word.size());
            replaced = true;
            continue;
        }
        if (text.front() == '"') in_string = !in_string;
        const std::size_t n = json_character(text);
        out.append(text.substr(0, n));
        text.remove_prefix(n);
    }
    return replaced ? std::optional(std::move(out)) : std::nullopt;
}

/// Builds a value like Boost.JSON's own parser, but with exact doubles.
class dom_handler {
public:
    static constexpr std::size_t max_array_size = std::numeric_limits<std::size_t>::max();
    static constexpr std::size_t max_object_size = std::numeric_limits<std::size_t>::max();
    static constexpr std::size_t max_string_size = std::numeric_limits<std::size_t>::max();
    static constexpr std::size_t max_key_size = std::numeric_limits<std::size_t>::max();

    dom_handler(bool words, value_quota* quota) : words_(words), quota_(quota) {}

    json::value release() { return stack_.release(); }

    bool on_document_begin(error_code&) {
        stack_.reset();
        return true;
    }

    bool on_document_end(error_code&) { return true; }

    bool on_object_begin(error_code&) { return count(); }

    bool on_array_begin(error_code&) { return count(); }

    bool on_object_end(std::size_t n, error_code&) {
        stack_.push_object(n);
        return true;
    }

    bool on_array_end(std::size_t n, error_code&) {
        stack_.push_array(n);
        return true;
    }

    bool on_key_part(json::string_view s, std::size_t, error_code&) {
        stack_.push_chars(s);
        return true;
    }

    bool on_key(json::string_view s, std::size_t, error_code&) {
        stack_.push_key(s);
        return true;
    }

    bool on_string_part(json::string_view s, std::size_t, error_code&) {
        stack_.push_chars(s);
        return true;
    }

    bool on_string(json::string_view s, std::size_t, error_code&) {
        stack_.push_string(s);
        return count();
    }

    bool on_number_part(json::string_view s, error_code&) {
        number_.append(s.data(), s.size());
        return true;
    }

    bool on_int64(std::int64_t i, json::string_view, error_code&) {
        number_.clear();
        stack_.push_int64(i);
        return count();
    }

    bool on_uint64(std::uint64_t u, json::string_view, error_code&) {
        number_.clear();
        stack_.push_uint64(u);
        return count();
    }

    bool on_double(double, json::string_view s, error_code& ec) {
        number_.append(s.data(), s.size());
        const auto d = words_ ? word_or_number(number_) : number(number_);
        if (!d) {
            ec = json::error::not_exact;
            return false;
        }
        stack_.push_double(*d);
        number_.clear();
        return count();
    }

    bool on_bool(bool b, error_code&) {
        stack_.push_bool(b);
        return count();
    }

    bool on_null(error_code&) {
        stack_.push_null();
        return count();
    }

    bool on_comment_part(json::string_view, error_code&) { return true; }

    bool on_comment(json::string_view, error_code&) { return true; }

private:
    bool count() {
        if (quota_) quota_->take();
        return true;
    }

    bool words_;
    value_quota* quota_;
    alignas(json::value) unsigned char buffer_[1024]; // large enough for most texts
    json::value_stack stack_{json::storage_ptr(), buffer_, sizeof buffer_};
    std::string number_;
};

// Calls `visit` for every child of an array or object.
template <class Visit>
void for_each_child(const json::value& v, Visit visit) {
    if (const json::array* a = v.if_array()) {
        for (const json::value& child : *a) visit(child);
    } else if (const json::object* o = v.if_object()) {
        for (const auto& member : *o) visit(member.value());
    }
}

template <class Integer>
void append_number(std::string& out, Integer i) {
    std::array<char, 24> text;
    out.append(text.data(), std::to_chars(text.data(), text.data() + text.size(), i).ptr);
}

} // namespace

double exact_double(std::string_view text) {
    double d = 0;
    const auto result = std::from_chars(text.data(), text.data() + text.size(), d);
    if (result.ec == std::errc::result_out_of_range) {
        // Beyond the range of doubles: infinity or zero, by the power of ten of the first significant digit.
        const auto end = std::min(text.find_first_of("eE"), text.size());
        const auto mantissa = text.substr(0, end);
        const auto point = static_cast<double>(std::min(mantissa.find('.'), end));
        const auto digit = static_cast<double>(std::min(mantissa.find_first_of("123456789"), end));
        double exponent = 0; // a double, because it may have any number of digits itself
        const std::string_view written = text.substr(std::min(end + 1, text.size()));
        for (const char c : written)
            if (c >= '0' && c <= '9') exponent = exponent * 10 + (c - '0');
        if (written.starts_with('-')) exponent = -exponent;
        d = point - digit + exponent > 0 ? std::numeric_limits<double>::infinity() : 0.0;
        if (text.starts_with('-')) d = -d;
    }
    return d;
}

std::optional<double> finite_double(std::string_view text) {
    const double d = exact_double(text);
    if (!std::isfinite(d)) return std::nullopt;
    if (d == 0) { // other numbers have no such exponent, or a mantissa of that length
        std::string_view exponent = text.substr(std::min(text.find_first_of("eE") + 1, text.size()));
        if (exponent.starts_with('-') || exponent.starts_with('+')) exponent.remove_prefix(1);
        int e = 0;
        const auto result = std::from_chars(exponent.data(), exponent.data() + exponent.size(), e);
        if (result.ec == std::errc::result_out_of_range || e > 999'999'999) return std::nullopt;
    }
    return d;
}

namespace {

std::optional<json::value> parse(std::string_view text, std::size_t levels, bool words, value_quota* quota,
                                 error_code& ec) {
    json::parse_options options;
    options.max_depth = levels;
    json::basic_parser<dom_handler> parser(options, words, quota);
    const std::size_t n = parser.write_some(false, text.data(), text.size(), ec);
    if (!ec && n != text.size()) ec = json::error::extra_data;
    if (ec) return std::nullopt;
    return parser.handler().release();
}

} // namespace

void value_quota::refuse() {
    throw error(errc::bad_response, "the response contains more than " + std::to_string(whole) + " values");
}

std::optional<json::value> parse_json(std::string_view text, std::size_t levels, error_code& ec) {
    return parse(text, levels, false, nullptr, ec);
}

std::optional<json::value> parse_member(std::string_view text, value_quota* quota) {
    error_code ec;
    if (auto v = parse(text, max_depth, false, quota, ec)) return v;
    // Python writes words for NaN and infinities, and halves of surrogate pairs.
    std::string repaired;
    if (text.find("\\u") != text.npos) text = repaired = without_lone_surrogates(text);
    if (const auto replaced = replace_words(text)) return parse(*replaced, max_depth, true, quota, ec);
    return repaired.empty() ? std::nullopt : parse(repaired, max_depth, false, quota, ec);
}

std::optional<json::value> value_in_text(std::string_view text, value_quota* quota) {
    return may_be_json(text) ? parse_member(text, quota) : std::nullopt;
}

std::size_t depth(const json::value& root) {
    // Not recursive: the value may be nested too deeply for that.
    std::size_t deepest = 0;
    boost::container::small_vector<std::pair<const json::value*, std::size_t>, 16> open{{&root, 0}};
    while (!open.empty()) {
        const auto [v, outer] = open.back();
        open.pop_back();
        if (!v->is_structured()) continue;
        deepest = std::max(deepest, outer + 1);
        for_each_child(*v, [&](const json::value& child) {
            if (child.is_structured()) open.emplace_back(&child, outer + 1);
        });
    }
    return deepest;
}

namespace {

void append_escape(std::string& out, unsigned unit) {
    constexpr char digits[] = "0123456789abcdef";
    const auto append_letter = [&](char letter) {
        const char escape[] = {'\\', letter};
        out.append(escape, sizeof escape);
    };
    switch (unit) {
    case '"':
    case '\\': return append_letter(static_cast<char>(unit));
    case '\b': return append_letter('b');
    case '\t': return append_letter('t');
    case '\n': return append_letter('n');
    case '\f': return append_letter('f');
    case '\r': return append_letter('r');
    default: break;
    }
    const char escape[] = {'\\',
                           'u',
                           digits[unit >> 12 & 15],
                           digits[unit >> 8 & 15],
                           digits[unit >> 4 & 15],
                           digits[unit & 15]};
    out.append(escape, sizeof escape);
}

} // namespace

std::size_t append_ascii_json(std::string& out, std::string_view text) {
    std::size_t units = 0;
    out.push_back('"');
    for (;;) {
        const std::size_t plain = plain_prefix(text);
        out.append(text.substr(0, plain));
        units += plain;
        text.remove_prefix(plain);
        if (text.empty()) break;
        if (const auto ascii = static_cast<unsigned char>(text.front()); ascii < 0x80) {
            append_escape(out, ascii);
            ++units;
            text.remove_prefix(1);
            continue;
        }
        const char32_t c = next_code_point(text);
        if (c == malformed) return std::string_view::npos;
        for_each_unit(c, [&](unsigned unit) {
            append_escape(out, unit);
            ++units;
        });
    }
    out.push_back('"');
    return units;
}

void append_json(std::string& out, std::string_view text) {
    out.push_back('"');
    while (!text.empty()) {
        const std::size_t plain = plain_prefix(text);
        out.append(text.substr(0, plain));
        text.remove_prefix(plain);
        if (text.empty()) break;
        const char c = text.front();
        text.remove_prefix(1);
        if (const auto u = static_cast<unsigned char>(c); u < 0x20 || c == '"' || c == '\\')
            append_escape(out, u);
        else
            out.push_back(c);
    }
    out.push_back('"');
}

void append_json(std::string& out, const json::value& v, nonfinite how) {
    switch (v.kind()) {
    case json::kind::object: append_json(out, v.get_object(), how); break;
    case json::kind::array: {
        const json::array& items = v.get_array();
        char before = '[';
        for (const json::value& item : items) {
            out.push_back(std::exchange(before, ','));
            append_json(out, item, how);
        }
        out.append(items.empty() ? "[]" : "]");
        break;
    }
    case json::kind::string: append_json(out, std::string_view(v.get_string())); break;
    case json::kind::int64: append_number(out, v.get_int64()); break;
    case json::kind::uint64: append_number(out, v.get_uint64()); break;
    case json::kind::double_: append_double(out, v.get_double(), how); break;
    case json::kind::bool_: out.append(v.get_bool() ? "true" : "false"); break;
    case json::kind::null: out.append("null"); break;
    }
}

void append_json(std::string& out, const json::object& o, nonfinite how) {
    char before = '{';
    for (const auto& member : o) {
        out.push_back(std::exchange(before, ','));
        append_json(out, std::string_view(member.key()));
        out.push_back(':');
        append_json(out, member.value(), how);
    }
    out.append(o.empty() ? "{}" : "}");
}

void append_double(std::string& out, double d, nonfinite how) {
    if (!std::isfinite(d)) {
        const std::string_view quote = how == nonfinite::strings ? "\"" : "";
        out.append(quote);
        if (d < 0) out.push_back('-');
        out.append(std::isnan(d) ? nan_word : infinity_word);
        out.append(quote);
        return;
    }
    std::array<char, 32> text;
    const auto end = std::to_chars(text.data(), text.data() + text.size(), d).ptr;
    const std::string_view shortest(text.data(), static_cast<std::size_t>(end - text.data()));
    out.append(shortest);
    if (shortest.find_first_of(".e") == shortest.npos) out.append(".0");
}

std::size_t json_character(std::string_view json) {
    if (json.front() == '\\') return std::min<std::size_t>(json.size(), json.substr(1, 1) == "u" ? 6 : 2);
    const std::size_t size = json.size();
    if (next_code_point(json) == malformed) return 1;
    return size - json.size();
}

std::string without_lone_surrogates(std::string_view json) {
    // Returns the code unit of the escape at the beginning of a text, or 0.
    const auto unit_of = [](std::string_view text) {
        unsigned unit = 0;
        if (text.starts_with("\\u") && text.size() >= 6)
            std::from_chars(text.data() + 2, text.data() + 6, unit, 16);
        return unit;
    };
    const auto is_high = [](unsigned unit) { return unit >= 0xD800 && unit < 0xDC00; };
    const auto is_low = [](unsigned unit) { return unit >= 0xDC00 && unit < 0xE000; };
    std::string out;
    out.reserve(json.size());
    while (!json.empty()) {
        std::size_t n = std::min(json.find('\\'), json.size());
        if (n == 0) {
            n = json_character(json);
            const unsigned unit = unit_of(json);
            if (is_high(unit) && is_low(unit_of(json.substr(n)))) {
                n += 6;
            } else if (is_high(unit) || is_low(unit)) {
                out.append("_x");
                for (const char c : json.substr(2, 4)) out.push_back(boost::urls::grammar::to_upper(c));
                out.push_back('_');
                json.remove_prefix(n);
                continue;
            }
        }
        out.append(json.substr(0, n));
        json.remove_prefix(n);
    }
    return out;
}

} // namespace azkv::codec
