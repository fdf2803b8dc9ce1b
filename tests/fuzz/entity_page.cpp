#include "codec/entity.hpp"
#include "codec/names.hpp"
#include "fuzz.hpp"
#include "support/identical.hpp"

#include <algorithm>
#include <string>
#include <vector>

using namespace azkv;

namespace {

bool same(const entry& a, const entry& b) {
    return a.key() == b.key() && a.partition_key() == b.partition_key()
           && test::identical(a.value(), b.value());
}

// The contents of a page survive encoding and decoding.
void check_page(const std::vector<entry>& entries) {
    std::string page = R"({"value":[)";
    std::vector<const entry*> written;
    for (const entry& e : entries) {
        e.timestamp();
        const auto text = fuzz::unless_refused([&] {
            constexpr auto mode = service_mode::storage;
            const std::string partition =
                codec::escape_key(e.partition_key(), mode, codec::key_kind::partition);
            const std::string row = codec::escape_key(e.key(), mode);
            return codec::encode_entity(codec::entity_key(partition, row), e.value(), mode);
        });
        if (!text) continue; // more than the service holds
        if (!written.empty()) page += ',';
        page += *text;
        written.push_back(&e);
    }
    page += "]}";
    const auto again = fuzz::unless_refused([&] { return codec::decode_page(page); });
    fuzz::require(again.has_value(), "a page of encoded entities is decoded");
    fuzz::require(
        std::ranges::equal(written, *again, [](const entry* a, const entry& b) { return same(*a, b); }),
        "entries are what they were before they were encoded");
}

// An entity decodes alike alone and on a page, where only `value` holds entities.
void check_alone(std::string_view text, const value& alone) {
    const auto inside = text.find('{') + 1;
    const bool empty = text[text.find_first_not_of(" \t\r\n", inside)] == '}';
    std::string list = "[" + std::string(text) + "]";
    list.insert(inside + 1, std::string(R"("PartitionKey":"","RowKey":"")") + (empty ? "" : ","));
    const auto page = fuzz::unless_refused([&] {
        return codec::decode_page(R"({"before":)" + list + R"(,"value":)" + list + R"(,"behind":)" + list
                                  + '}');
    });
    constexpr auto deepest = 30; // a page adds two levels to those that the parser allows
    if (!page && std::ranges::count_if(text, [](char c) { return c == '[' || c == '{'; }) > deepest) return;
    fuzz::require(page && page->size() == 1, "an entity is a page of one");
    fuzz::require(test::identical(page->front().value(), alone), "an entity is the same on a page");
}

} // namespace

bool fuzz::check(std::string_view input) {
    if (const auto entries = unless_refused([&] { return codec::decode_page(input); })) check_page(*entries);
    if (const auto alone = unless_refused([&] { return codec::decode_entity(input, {}); }))
        check_alone(input, *alone);
    return true;
}
