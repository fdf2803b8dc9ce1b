#include "fuzz.hpp"

// Boost.JSON as well is watched by the sanitizers: what misuse makes it read wrongly is seen.
#include <boost/json/src.hpp>

#include <cstddef>
#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    return azkv::fuzz::check(input) ? 0 : -1;
}
