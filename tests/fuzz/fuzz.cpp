#include "fuzz.hpp"

// Boost.JSON is compiled with the sanitizers as well, so that they detect invalid reads in it.
#include <boost/json/src.hpp>

#include <cstddef>
#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    return azkv::fuzz::check(input) ? 0 : -1;
}
