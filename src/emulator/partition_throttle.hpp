// Which partition a request burdens, and whether that takes more of it. No I/O, no clock.
#pragma once

#include "emulator/message.hpp"

#include <azkv/value.hpp>

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace azkv::emulation {

/// What a request needs from a partition.
class partition_charge {
public:
    partition_charge(std::string p, std::size_t n) : partition(std::move(p)), entities(n) {}

    std::string partition; // the account, the table and the key
    std::size_t entities;
    bool is_query = false; // the rows that it returns are charged afterwards
};

/// Returns nullopt if the request is about no partition or about several, or is not valid.
std::optional<partition_charge> read_charge(const request&, std::string_view account, service_mode);

/// A token bucket of entities for each partition.
class partition_throttle {
public:
    using time_point = std::chrono::steady_clock::time_point;

    /// All arguments are at least 1.
    partition_throttle(std::size_t entities_per_second, std::size_t burst);

    /// Takes the entities from the bucket if it has them, or if it is full. Otherwise returns the time until
    /// it will; at least 1 ms.
    std::optional<std::chrono::milliseconds> take(const std::string& partition, std::size_t entities,
                                                  time_point now);

    /// Takes the entities from the bucket even if it does not have them.
    void charge(const std::string& partition, std::size_t entities, time_point now);

    /// Returns the number of buckets that are kept: those that are not full, and some that are full again.
    std::size_t size() const { return buckets_.size(); }

private:
    class bucket {
    public:
        bucket(double n, time_point t) : entities(n), since(t) {}

        double entities; // negative: a debt
        time_point since;
    };

    double filled(const bucket&, time_point now) const;
    bucket& find(const std::string& partition, time_point now);

    double per_second_;
    double burst_;
    std::unordered_map<std::string, bucket> buckets_;
    std::size_t clean_up_at_; // the number of buckets that makes a search for full ones worthwhile
};

} // namespace azkv::emulation
