// The table service that the integration tests run against.
#pragma once

#include <azkv.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <string>
#include <string_view>

namespace azkv::test {

/// Returns the connection string of the service that the tests were started with.
inline std::string connection_string() {
    const char* const text = std::getenv("AZKV_CONNECTION_STRING");
    REQUIRE_MESSAGE(text != nullptr, "start the test through cmake/with-azurite or cmake/with-emulator");
    return text;
}

/// Returns the mode of that service. (Cosmos DB's URLs have no account in their path.)
inline service_mode mode() {
    return connection_string().find("AccountName=localhost;") == std::string::npos ? service_mode::storage
                                                                                   : service_mode::cosmos;
}

/// Returns whether it is Azurite, which differs from the service where the tests say so.
inline bool on_azurite() {
    const char* const name = std::getenv("AZKV_SERVICE");
    return name && std::string_view(name) == "azurite";
}

/// Returns a collection that no other test and no earlier run has used.
inline std::string new_collection() {
    static std::atomic<int> count{0};
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return "t" + std::to_string(now / std::chrono::microseconds(1)) + "n" + std::to_string(++count);
}

} // namespace azkv::test
