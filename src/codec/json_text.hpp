// Reading and writing JSON: exact doubles, NaN and infinities, limits on depth and size.
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <boost/system/error_code.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace azkv::codec {

/// How deeply arrays and objects may be nested within one member of a value.
inline constexpr std::size_t max_depth = 500;

/// How to write the doubles that JSON cannot represent as numbers.
enum class nonfinite {
    strings, ///< "NaN", "Infinity", "-Infinity"
    words,   ///< the same without quotes: not JSON, but what Python's `json` module reads and writes
};

/// Returns the double nearest to a JSON number. (As of Boost 1.81, Boost.JSON's own parser is off by some
/// units in the last place for a tenth of all doubles.)
double exact_double(std::string_view text);

/// Like `exact_double`. Returns nullopt if the number is beyond the range of doubles, or if its exponent has
/// more than nine digits: Boost.JSON rejects some of those, depending on its version.
std::optional<double> finite_double(std::string_view text);

/// Bounds the memory for a response, because two bytes of JSON can become a hundred in memory. The service's
/// own limits are far lower: an entity has at most 2 MB.
class value_quota {
public:
    static constexpr std::size_t whole = 4'000'000;

    /// Takes one value: an array, an object, or a scalar. Throws `azkv::error` (errc::bad_response) if the
    /// quota is used up.
    void take() {
        if (left_ == 0) refuse();
        --left_;
    }

private:
    [[noreturn]] static void refuse();

    std::size_t left_ = whole;
};

/// Parses one JSON text. Returns nullopt if it is not JSON, is nested deeper than `levels`, or has a number
/// that neither a 64-bit integer nor a finite double can hold (`json::error::not_exact`).
std::optional<boost::json::value> parse_json(std::string_view text, std::size_t levels,
                                             boost::system::error_code& ec);

/// Parses the JSON text of one member, in which NaN and the infinities may be words. Returns nullopt like
/// `parse_json`. Takes the values from the quota, if there is one.
std::optional<boost::json::value> parse_member(std::string_view text, value_quota* quota = nullptr);

/// Returns whether a reader tries to parse a text as JSON: `null`, and text that begins like an object, an
/// array or a string.
inline bool may_be_json(std::string_view text) {
    return !text.empty()
           && (text[0] == '{' || text[0] == '[' || text[0] == '"' || (text[0] == 'n' && text == "null"));
}

/// Returns the value of a string property whose text is JSON; otherwise nullopt. Writers quote the strings
/// for which this would return a value.
std::optional<boost::json::value> value_in_text(std::string_view text, value_quota* quota = nullptr);

/// Returns the number of levels of arrays and objects; 0 for a scalar.
std::size_t depth(const boost::json::value&);

/// Appends `text` as a JSON string of ASCII characters only. Returns its length in UTF-16 code units; npos if
/// it is not UTF-8, with a part of it appended.
std::size_t append_ascii_json(std::string& out, std::string_view text);

/// Appends a value as JSON on one line, in UTF-8.
void append_json(std::string& out, const boost::json::value& v, nonfinite how);
void append_json(std::string& out, const boost::json::object& o, nonfinite how);
void append_json(std::string& out, std::string_view text);

/// Appends a double as JSON: the shortest number that reads back as `d`, always with a point or an exponent.
void append_double(std::string& out, double d, nonfinite how);

/// Returns the length in bytes of the first character or escape of `json`, which is the rest of a JSON text.
std::size_t json_character(std::string_view json);

/// Replaces each `\\ud83d` that is half of a surrogate pair, which UTF-8 cannot represent, with `_xD83D_`.
std::string without_lone_surrogates(std::string_view json);

} // namespace azkv::codec
