#include "emulator/failure.hpp"
#include "emulator/filter.hpp"
#include "fuzz.hpp"
#include "support/in_range.hpp"

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

using namespace azkv;
using namespace azkv::emulation;

namespace {

std::optional<filter> parse(const std::string& text) {
    try {
        return filter::parse(text, service_mode::storage);
    } catch (const failure& f) {
        fuzz::require(f.status() == 400 && f.code() == std::string_view("InvalidInput"),
                      "a bad filter is bad input");
        return std::nullopt;
    }
}

entity make_entity(std::string partition_key, std::string row_key, std::vector<property> properties) {
    entity e;
    e.partition_key.text = std::move(partition_key);
    e.row_key.text = std::move(row_key);
    e.timestamp.integer = *parse_date_time("2020-01-02T03:04:05.1234567Z");
    e.properties = std::move(properties);
    return e;
}

// One property of every type, under names of one letter.
const std::vector<entity>& entities() {
    static const std::vector<entity> all = [] {
        const std::string guid = "01234567-89ab-cdef-abcd-ef0123456789";
        const edm_value nan(std::numeric_limits<double>::quiet_NaN());
        std::vector<entity> made;
        made.push_back(make_entity("", "", {}));
        made.push_back(
            make_entity("p", "r", {{"A", edm_value(edm::int32, 5)}, {"B", edm_value(edm::boolean, 1)}}));
        made.push_back(
            make_entity("p", "s", {{"A", edm_value(edm::int64, 5)}, {"B", edm_value(edm::guid, guid)}}));
        made.push_back(make_entity("p\uFF00", "it's", {{"A", edm_value(5.0)}, {"B", nan}}));
        made.push_back(make_entity("p\U0001F600", "r\uFF00",
                                   {{"A", edm_value(edm::string, std::string("5"))},
                                    {"B", edm_value(edm::binary, std::string("\x01\xF0"))}}));
        return made;
    }();
    return all;
}

} // namespace

bool fuzz::check(std::string_view input) {
    const std::string text(input);
    const auto parsed = parse(text);
    if (!parsed) return false;
    const key_range keys = parsed->keys();
    for (const entity& e : entities()) {
        require(!parsed->matches(e) || test::is_in_range(e, keys), "a match lies within the key range");
        entity bare = e;
        bare.properties.clear();
        require(!parsed->is_on_keys_only() || parsed->matches(bare) == parsed->matches(e),
                "a filter on keys needs nothing else");
    }

    if (text.find_first_not_of(" \t\r\n") == text.npos) {
        require(std::ranges::all_of(entities(), [&](const entity& e) { return parsed->matches(e); }),
                "an empty filter matches everything");
        return true;
    }
    const auto enclosed = parse("(" + text + ")"), opposite = parse("not (" + text + ")");
    const bool is_deep = std::ranges::count(text, '(') + std::ranges::count(text, 'n') >= 99;
    require((enclosed && opposite) || is_deep, "a filter in parentheses is a filter");
    for (const entity& e : entities()) {
        require(!enclosed || enclosed->matches(e) == parsed->matches(e), "parentheses change nothing");
        require(!opposite || opposite->matches(e) != parsed->matches(e), "`not` inverts the result");
    }
    return true;
}
