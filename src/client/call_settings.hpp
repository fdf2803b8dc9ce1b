// The settings that a view of a store can change for its calls.
#pragma once

#include <azkv/options.hpp>

#include <chrono>
#include <string>
#include <utility>

namespace azkv::client {

/// The settings of a call: those of the options, unless the store is a view that changes them.
class call_settings {
public:
    /// `partition` is escaped, as stored.
    call_settings(const store_options& o, std::string partition)
        : partition(std::move(partition)), timeout(o.timeout()), max_attempts(o.max_attempts()) {}

    std::string partition; // as stored
    std::chrono::milliseconds timeout;
    int max_attempts;
    std::string trace; // header lines, or empty
};

} // namespace azkv::client
