#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <boost/system/error_code.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace azkv::codec {

/// How deep arrays and objects may be nested, within one member of a value.
inline constexpr std::size_t max_depth = 500;

/// How to write the doubles that JSON has no number for.
enum class nonfinite {
    strings, ///< "NaN", "Infinity", "-Infinity"
    words,   ///< the same without quotes: no JSON, but what Python's reader and writer take for it
};

/// The double that `text`, a JSON number, stands for: the nearest one, exactly. (Boost.JSON's own parser is
/// off by some units in the last place for a tenth of all doubles, as of Boost 1.81.)
double exact_double(std::string_view text);

/// The same, if that is finite. Nullopt if the number is beyond the range of doubles, or if its exponent has
/// more than nine digits: of those Boost.JSON refuses some, which ones depends on its version.
std::optional<double> finite_double(std::string_view text);

/// Bounds what an answer becomes in memory, where two bytes can become a hundred. The service's own limits
/// are far below, with an entity of at most 2 MB.
class value_quota {
public:
    static constexpr std::size_t whole = 4'000'000;

    /// Takes one value: an array, an object, or a scalar. Throws `azkv::error` (errc::bad_response) if none
    /// is left.
    void take() {
        if (left_ == 0) refuse();
        --left_;
    }

private:
    [[noreturn]] static void refuse();

    std::size_t left_ = whole;
};

/// Parses one JSON text; nullopt if it is none, nested deeper than `levels`, or has a number that no 64-bit
/// integer and no finite double can hold (`json::error::not_exact`).
std::optional<boost::json::value> parse_json(std::string_view text, std::size_t levels,
                                             boost::system::error_code& ec);

/// Parses the JSON text of one member, in which NaN and the infinities may stand as words; nullopt as above.
/// What it becomes is taken from the quota, if there is one.
std::optional<boost::json::value> parse_member(std::string_view text, value_quota* quota = nullptr);

/// Whether a reader looks if a text is JSON: `null`, and what begins like an object, an array or a string.
inline bool may_be_json(std::string_view text) {
    return !text.empty()
           && (text[0] == '{' || text[0] == '[' || text[0] == '"' || (text[0] == 'n' && text == "null"));
}

/// The value that a string property stands for, if its text may be JSON and is. Writers ask the same
/// question, to quote the strings that it is true of.
std::optional<boost::json::value> value_in_text(std::string_view text, value_quota* quota = nullptr);

/// The number of levels of arrays and objects; 0 for a scalar.
std::size_t depth(const boost::json::value&);

/// Appends `text` as a JSON string of ASCII characters only. Returns its length in UTF-16 code units; npos,
/// with part of it appended, if it is not UTF-8.
std::size_t append_ascii_json(std::string& out, std::string_view text);

/// Appends a value as JSON on one line, in UTF-8.
void append_json(std::string& out, const boost::json::value& v, nonfinite how);
void append_json(std::string& out, const boost::json::object& o, nonfinite how);
void append_json(std::string& out, std::string_view text);

/// Appends a double as JSON: the shortest number that reads back as `d`, always with a point or an exponent.
void append_double(std::string& out, double d, nonfinite how);

/// The length in bytes of the character or escape that `json`, within a JSON text, begins with.
std::size_t json_character(std::string_view json);

/// A JSON text with `_xD83D_` in place of a `\\ud83d` that is half of a surrogate pair: UTF-8 cannot hold
/// one.
std::string without_lone_surrogates(std::string_view json);

} // namespace azkv::codec
