// The two clocks.
#pragma once

#include <chrono>

namespace azkv::protocol {

/// The two clocks, read at one moment.
class clocks {
public:
    clocks() {}

    static clocks now() {
        clocks c;
        c.steady = std::chrono::steady_clock::now();
        c.wall = std::chrono::system_clock::now();
        return c;
    }

    std::chrono::steady_clock::time_point steady;
    std::chrono::system_clock::time_point wall;
};

} // namespace azkv::protocol
