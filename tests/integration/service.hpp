#pragma once

#include <azkv.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <string>

namespace azkv::test {

/// The service that the tests were started with.
inline std::string connection_string() {
    const char* const text = std::getenv("AZKV_CONNECTION_STRING");
    REQUIRE_MESSAGE(text != nullptr, "start the test through cmake/with-azurite");
    return text;
}

/// A collection that no other test and no earlier run has used.
inline std::string new_collection() {
    static std::atomic<int> count{0};
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return "t" + std::to_string(now / std::chrono::microseconds(1)) + "n" + std::to_string(++count);
}

} // namespace azkv::test
