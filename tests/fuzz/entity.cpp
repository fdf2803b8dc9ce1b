#include "codec/entity.hpp"

#include "fuzz.hpp"

using namespace azkv;

bool fuzz::check(std::string_view input) {
    const auto decoded = unless_refused([&] { return codec::decode_entity(input); });
    if (!decoded) return true;
    for (const auto mode : {service_mode::storage, service_mode::cosmos}) {
        const auto text = unless_refused([&] { return codec::encode_entity("p", "r", *decoded, mode); });
        if (!text) continue; // more than the service holds
        const auto again = unless_refused([&] { return codec::decode_entity(*text); });
        require(again.has_value(), "what was encoded is decoded");
        require(same(*decoded, *again), "a value is what it was before it was encoded");
    }
    return true;
}
