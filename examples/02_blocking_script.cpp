// The blocking store in a script: no executor, no coroutines.

#include <azkv.hpp>

#include <cstdlib>
#include <iostream>

int main() {
    try {
        const char* const service = std::getenv("AZKV_CONNECTION_STRING");
        auto db =
            azkv::blocking_store::from_connection_string(service ? service : "UseDevelopmentStorage=true");

        db.put("berlin", {{"country", "DE"}, {"population", 3'700'000}}, "cities");
        db.put_all({{"paris", {{"country", "FR"}, {"population", 2'100'000}}},
                    {"lyon", {{"country", "FR"}, {"population", 520'000}}}},
                   "cities");

        if (auto city = db.get("berlin", "cities")) std::cout << city->at("population") << '\n';

        for (auto& row : db.query("country eq 'FR' and population gt 1000000", "cities"))
            std::cout << row.key() << ": " << azkv::serialize_value(row.value()) << '\n';

        for (const auto& [key, value] : db.get_all("cities")) db.erase(key, "cities");
    } catch (const azkv::error& e) {
        std::cerr << e.what() << '\n';
        return EXIT_FAILURE;
    }
}
