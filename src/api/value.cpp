#include "codec/json_text.hpp"

#include <azkv/error.hpp>
#include <azkv/value.hpp>

#include <boost/json/error.hpp>

#include <utility>

namespace azkv {

value parse_value(std::string_view text) {
    // Two more than the deepest member: the value itself, and a line of JSON that contains the value.
    constexpr std::size_t levels = codec::max_depth + 2;
    const auto refuse = [](const std::string& why) { throw error(errc::invalid_argument, why); };
    boost::system::error_code ec;
    auto parsed = codec::parse_json(text, levels, ec);
    if (ec == boost::json::error::too_deep)
        refuse("the JSON is nested more than " + std::to_string(levels) + " levels deep");
    if (ec == boost::json::error::not_exact)
        refuse("the JSON contains a number beyond the range of 64-bit integers and doubles");
    if (!parsed) refuse("the text is not JSON: " + ec.message());
    if (!parsed->is_object()) refuse("the text is JSON, but not an object");
    return std::move(parsed->get_object());
}

std::string serialize_value(const value& v) {
    std::string text;
    codec::append_json(text, v, codec::nonfinite::strings);
    return text;
}

} // namespace azkv
