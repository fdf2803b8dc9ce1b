#include "codec/json_text.hpp"
#include "codec/names.hpp"
#include "protocol/requests.hpp"

#include <azkv/filter.hpp>

namespace azkv {

std::string filter_text(std::string_view text) {
    if (!codec::value_in_text(text)) return protocol::string_literal(text);
    std::string stored;
    codec::append_json(stored, text);
    return protocol::string_literal(stored);
}

std::string filter_key(std::string_view key) {
    return protocol::string_literal(codec::escape_key(key, service_mode::storage));
}

std::string filter_name(std::string_view member, service_mode mode) {
    return codec::escape_property(member, mode);
}

} // namespace azkv
