// Tables whose deletion takes its time. No I/O, no clock.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <string_view>

namespace azkv::emulation {

/// The names of the tables that are being deleted, in any case.
class deleted_tables {
public:
    using time_point = std::chrono::system_clock::time_point;

    /// Zero: they are gone at once.
    explicit deleted_tables(std::chrono::milliseconds deletion_time) : deletion_time_(deletion_time) {}

    void add(std::string_view table, time_point now);
    bool has(std::string_view table, time_point now) const;

private:
    std::chrono::milliseconds deletion_time_;
    std::map<std::string, time_point> gone_at_; // by names in lower case
};

} // namespace azkv::emulation
