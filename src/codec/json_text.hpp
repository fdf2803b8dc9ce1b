#pragma once

#include <boost/json/value.hpp>
#include <boost/system/error_code.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace azkv::codec {

/// How deep arrays and objects may be nested, within one member of a value.
inline constexpr std::size_t max_depth = 500;

/// The double that `text`, a JSON number, stands for: the nearest one, exactly. (Boost.JSON's own parser is
/// off by some units in the last place for a tenth of all doubles, as of Boost 1.81.)
double exact_double(std::string_view text);

/// What to make of a number that no 64-bit integer and no finite double can hold.
enum class numbers {
    nearest, ///< the nearest double
    exact,   ///< an error: `json::error::not_exact`
};

/// Parses one JSON text; nullopt if it is none, or nested deeper than `levels`.
std::optional<boost::json::value> parse_json(std::string_view text, std::size_t levels = max_depth);
std::optional<boost::json::value> parse_json(std::string_view text, std::size_t levels, numbers which,
                                             boost::system::error_code& ec);

/// The value that a string property stands for, if a reader takes its text for JSON: `null`, or the text of
/// an object, an array or a string. Writers ask the same question, to quote the strings that it is true of.
std::optional<boost::json::value> value_in_text(std::string_view text);

/// The number of levels of arrays and objects; 0 for a scalar.
std::size_t depth(const boost::json::value&);

/// Whether a double that JSON cannot express (NaN, an infinity) is anywhere inside.
bool has_nonfinite(const boost::json::value&);

/// The JSON string that stands for a NaN or an infinity.
std::string_view nonfinite_name(double d);

/// Appends `text` as a JSON string of ASCII characters only. Precondition: `text` is UTF-8.
void append_ascii_json(std::string& out, std::string_view text);

/// Appends an object as JSON on one line, in UTF-8. Doubles that JSON has no number for become strings.
void append_json(std::string& out, const boost::json::object& o);

/// Appends the shortest number that reads back as `d`, always with a point or an exponent. Precondition: `d`
/// is finite.
void append_double(std::string& out, double d);

} // namespace azkv::codec
