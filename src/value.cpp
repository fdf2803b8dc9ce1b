#include "codec/json_text.hpp"

#include <azkv/error.hpp>
#include <azkv/value.hpp>

#include <utility>

namespace azkv {

value parse_value(std::string_view text) {
    auto parsed = codec::parse_json(text);
    if (!parsed) throw error(errc::invalid_argument, "the text is not JSON");
    if (!parsed->is_object()) throw error(errc::invalid_argument, "the text is JSON, but not an object");
    return std::move(parsed->get_object());
}

std::string serialize_value(const value& v) {
    std::string text;
    codec::append_json(text, v);
    return text;
}

} // namespace azkv
