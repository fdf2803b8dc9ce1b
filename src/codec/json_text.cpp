#include "codec/json_text.hpp"

#include "codec/utf.hpp"

#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/error.hpp>
#include <boost/json/parse_options.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value_stack.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <utility>

namespace azkv::codec {

namespace json = boost::json;
using boost::system::error_code;

namespace {

/// Builds a value as Boost.JSON's own parser does, but with exact doubles.
class dom_handler {
public:
    static constexpr std::size_t max_array_size = std::numeric_limits<std::size_t>::max();
    static constexpr std::size_t max_object_size = std::numeric_limits<std::size_t>::max();
    static constexpr std::size_t max_string_size = std::numeric_limits<std::size_t>::max();
    static constexpr std::size_t max_key_size = std::numeric_limits<std::size_t>::max();

    explicit dom_handler(numbers which) : numbers_(which) {}

    json::value release() { return stack_.release(); }

    bool on_document_begin(error_code&) {
        stack_.reset();
        return true;
    }

    bool on_document_end(error_code&) { return true; }

    bool on_object_begin(error_code&) { return true; }

    bool on_array_begin(error_code&) { return true; }

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
        return true;
    }

    bool on_number_part(json::string_view s, error_code&) {
        number_.append(s.data(), s.size());
        return true;
    }

    bool on_int64(std::int64_t i, json::string_view, error_code&) {
        number_.clear();
        stack_.push_int64(i);
        return true;
    }

    bool on_uint64(std::uint64_t u, json::string_view, error_code&) {
        number_.clear();
        stack_.push_uint64(u);
        return true;
    }

    bool on_double(double, json::string_view s, error_code& ec) {
        number_.append(s.data(), s.size());
        const double d = exact_double(number_);
        const bool whole = number_.find_first_of(".eE") == number_.npos; // an integer of more than 64 bits
        if (numbers_ == numbers::exact && (whole || !std::isfinite(d))) {
            ec = json::error::not_exact;
            return false;
        }
        stack_.push_double(d);
        number_.clear();
        return true;
    }

    bool on_bool(bool b, error_code&) {
        stack_.push_bool(b);
        return true;
    }

    bool on_null(error_code&) {
        stack_.push_null();
        return true;
    }

    bool on_comment_part(json::string_view, error_code&) { return true; }

    bool on_comment(json::string_view, error_code&) { return true; }

private:
    numbers numbers_;
    json::value_stack stack_;
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

} // namespace

double exact_double(std::string_view text) {
    double d = 0;
    const auto result = std::from_chars(text.data(), text.data() + text.size(), d);
    if (result.ec == std::errc::result_out_of_range) {
        // Beyond the range of doubles: infinity or zero, by the power of ten of the first digit that counts.
        const auto end = std::min(text.find_first_of("eE"), text.size());
        const auto mantissa = text.substr(0, end);
        const auto point = static_cast<double>(std::min(mantissa.find('.'), end));
        const auto digit = static_cast<double>(std::min(mantissa.find_first_of("123456789"), end));
        double exponent = 0; // a double, as it may have any number of digits itself
        const std::string_view written = text.substr(std::min(end + 1, text.size()));
        for (const char c : written)
            if (c >= '0' && c <= '9') exponent = exponent * 10 + (c - '0');
        if (written.starts_with('-')) exponent = -exponent;
        d = point - digit + exponent > 0 ? std::numeric_limits<double>::infinity() : 0.0;
        if (text.starts_with('-')) d = -d;
    }
    return d;
}

std::optional<json::value> parse_json(std::string_view text, std::size_t levels) {
    error_code ec;
    return parse_json(text, levels, numbers::nearest, ec);
}

std::optional<json::value> parse_json(std::string_view text, std::size_t levels, numbers which,
                                      error_code& ec) {
    json::parse_options options;
    options.max_depth = levels;
    json::basic_parser<dom_handler> parser(options, which);
    const std::size_t n = parser.write_some(false, text.data(), text.size(), ec);
    if (!ec && n != text.size()) ec = json::error::extra_data;
    if (ec) return std::nullopt;
    return parser.handler().release();
}

std::optional<json::value> value_in_text(std::string_view text) {
    const bool candidate =
        text == "null" || text.starts_with('{') || text.starts_with('[') || text.starts_with('"');
    return candidate ? parse_json(text) : std::nullopt;
}

std::size_t depth(const json::value& v) {
    if (!v.is_structured()) return 0;
    std::size_t deepest = 0;
    for_each_child(v, [&](const json::value& child) { deepest = std::max(deepest, depth(child)); });
    return deepest + 1;
}

bool has_nonfinite(const json::value& v) {
    if (const double* d = v.if_double()) return !std::isfinite(*d);
    bool found = false;
    for_each_child(v, [&](const json::value& child) { found = found || has_nonfinite(child); });
    return found;
}

void append_ascii_json(std::string& out, std::string_view text) {
    const auto append_unit = [&](unsigned unit) {
        constexpr char digits[] = "0123456789abcdef";
        const std::array<char, 6> escape{'\\',
                                         'u',
                                         digits[unit >> 12 & 15],
                                         digits[unit >> 8 & 15],
                                         digits[unit >> 4 & 15],
                                         digits[unit & 15]};
        out.append(escape.data(), escape.size());
    };
    out.push_back('"');
    while (!text.empty()) {
        std::size_t plain = 0;
        while (plain < text.size() && text[plain] >= 0x20 && text[plain] < 0x7F && text[plain] != '"'
               && text[plain] != '\\')
            ++plain;
        out.append(text.substr(0, plain));
        text.remove_prefix(plain);
        if (text.empty()) break;
        const char32_t c = next_code_point(text);
        if (c == '"' || c == '\\') {
            out.push_back('\\');
            out.push_back(static_cast<char>(c));
        } else {
            for_each_unit(c, append_unit);
        }
    }
    out.push_back('"');
}

namespace {

void append_value(std::string& out, const json::value& v) {
    if (const json::object* o = v.if_object()) {
        append_json(out, *o);
    } else if (const json::array* a = v.if_array()) {
        char before = '[';
        for (const json::value& item : *a) {
            out.push_back(std::exchange(before, ','));
            append_value(out, item);
        }
        out.append(a->empty() ? "[]" : "]");
    } else if (const double* d = v.if_double()) {
        if (std::isfinite(*d))
            append_double(out, *d);
        else
            out.append(nonfinite_name(*d));
    } else {
        out.append(json::serialize(v));
    }
}

} // namespace

void append_json(std::string& out, const json::object& o) {
    char before = '{';
    for (const auto& member : o) {
        out.push_back(std::exchange(before, ','));
        out.append(json::serialize(member.key())).push_back(':');
        append_value(out, member.value());
    }
    out.append(o.empty() ? "{}" : "}");
}

std::string_view nonfinite_name(double d) {
    return std::isnan(d) ? R"("NaN")" : d > 0 ? R"("Infinity")" : R"("-Infinity")";
}

void append_double(std::string& out, double d) {
    std::array<char, 32> text;
    const auto end = std::to_chars(text.data(), text.data() + text.size(), d).ptr;
    const std::string_view shortest(text.data(), static_cast<std::size_t>(end - text.data()));
    out.append(shortest);
    if (shortest.find_first_of(".e") == shortest.npos) out.append(".0");
}

} // namespace azkv::codec
