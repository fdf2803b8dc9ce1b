#include "codec/entity.hpp"

#include "fuzz.hpp"
#include "support/identical.hpp"

#include <string>
#include <vector>

using namespace azkv;
using test::identical;

namespace {

// So that inputs need not have them.
std::string with_keys(std::string_view input) {
    std::string text(input);
    const auto inside = text.find('{') + 1;
    const auto next = text.find_first_not_of(" \t\r\n", inside);
    if (inside == 0 || next == text.npos) return text;
    return text.insert(inside,
                       std::string(R"("PartitionKey":"p","RowKey":"r")") + (text[next] == '}' ? "" : ","));
}

} // namespace

bool fuzz::check(std::string_view bare) {
    const std::string input = with_keys(bare);
    const auto decoded = unless_refused([&] { return codec::decode_entity(input, {}); });
    if (!decoded) return true;
    for (const auto mode : {service_mode::storage, service_mode::cosmos}) {
        boost::system::error_code why;
        const auto text = unless_refused(
            [&] { return codec::encode_entity(codec::entity_key("p", "r"), *decoded, mode); }, &why);
        require(text || why == errc::too_large || decoded->contains(""), "a decoded value can be encoded");
        if (!text) continue;
        const auto again =
            unless_refused([&] { return codec::decode_entity(*text, codec::expected_keys("p", "r")); });
        require(again.has_value(), "an encoded value can be decoded");
        require(identical(*decoded, *again), "encoding and decoding preserve a value");
    }
    std::vector<std::string> names;
    for (const auto& member : *decoded) names.emplace_back(member.key());
    const auto selected =
        unless_refused([&] { return codec::decode_entity(input, {}, projection(std::move(names))); });
    require(selected && identical(*decoded, *selected), "a projection of all members is the whole value");
    return true;
}
