// Numbers with their nouns, for messages. No I/O.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace azkv::support {

/// Returns `1 connection`, `64 connections`.
inline std::string counted(std::size_t n, std::string_view thing) {
    return std::to_string(n).append(" ").append(thing).append(n == 1 ? "" : "s");
}

/// Returns `1 call waits`, `900 calls wait`.
inline std::string calls_that_wait(std::size_t n) {
    return counted(n, "call").append(n == 1 ? " waits" : " wait");
}

} // namespace azkv::support
