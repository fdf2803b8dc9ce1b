// Generated values through a real table service.
//
//   AZKV_PROPERTY_SEED      of an earlier run, to repeat it

#include "integration/service.hpp"
#include "support/generated_values.hpp"

#include <azkv.hpp>

#include <cstdlib>
#include <random>
#include <string>
#include <utility>
#include <vector>

using namespace azkv;
using namespace azkv::test;

namespace {

// The value as the service returns it: Azurite drops the sign of a property that is -0.0.
value as_kept(value v) {
    if (!on_azurite()) return v;
    for (auto& member : v)
        if (const double* d = member.value().if_double(); d && *d == 0) member.value() = 0.0;
    return v;
}

} // namespace

TEST_CASE("generated values come back from the service") {
    const char* const given = std::getenv("AZKV_PROPERTY_SEED");
    const std::uint64_t first = given ? std::strtoull(given, nullptr, 10) : std::random_device()();
    const std::string settings = "AZKV_PROPERTY_SEED=" + std::to_string(first);
    MESSAGE(settings);
    std::mt19937_64 seeds(first);
    std::vector<std::pair<std::string, value>> pairs;
    for (int i = 0; i < 5000; ++i)
        pairs.emplace_back("k" + std::to_string(i), value_generator(seeds()).make());

    blocking_store db = blocking_store::from_connection_string(connection_string());
    const std::string c = new_collection();
    db.put_all(pairs, c);
    const auto all = db.get_all(c);
    REQUIRE(all.size() == pairs.size());
    for (const auto& [key, v] : pairs) {
        const std::string difference = key + ": " + serialize_value(v).substr(0, 2000) + " came back as "
                                       + serialize_value(all.at(key)).substr(0, 2000);
        INFO(difference);
        REQUIRE(identical(all.at(key), as_kept(v)));
    }

    // One at a time as well, whole and in part, which takes other requests.
    for (std::size_t i = 0; i < pairs.size(); i += 50) {
        const auto& [key, v] = pairs[i];
        CAPTURE(key);
        db.put(key + "'", v, c);
        REQUIRE(identical(db.get(key + "'", c).value(), as_kept(v)));
        for (const auto& member : as_kept(v)) {
            value expected;
            expected[member.key()] = member.value();
            REQUIRE(identical(db.get(key, c, select(std::string(member.key()))).value(), expected));
        }
    }
}

TEST_CASE("a member of the maximum size") {
    blocking_store db = blocking_store::from_connection_string(connection_string());
    const std::string c = new_collection();
    value v;
    v["n"] = 1;
    std::string text;
    while (text.size() < 500'000) text += "0123456789 abcdefghijklmnopqrstuvwxyz ";
    v["text"] = text;
    db.put("k", v, c);
    CHECK(identical(db.get("k", c).value(), v));
    CHECK(db.get("k", c, select("n"))->size() == 1);
    CHECK(db.get("k", c, select("text"))->at("text") == boost::json::string_view(text));
    for (auto& row : db.query("n eq 1", c, select("text")))
        CHECK(row.value().at("text") == boost::json::string_view(text));
}
