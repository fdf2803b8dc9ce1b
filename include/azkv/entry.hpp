#pragma once

#include <azkv/config.hpp>
#include <azkv/value.hpp>

#include <chrono>
#include <string>
#include <utility>

namespace azkv {

/// One row of a query: a key with its value and what the service keeps beside it.
class AZKV_DECL entry {
public:
    entry() {}

    entry(std::string partition_key, std::string key, azkv::value value, std::string etag = {},
          std::string timestamp = {})
        : partition_key_(std::move(partition_key)), key_(std::move(key)), value_(std::move(value)),
          etag_(std::move(etag)), timestamp_(std::move(timestamp)) {}

    const std::string& key() const noexcept { return key_; }

    const std::string& partition_key() const noexcept { return partition_key_; }

    const azkv::value& value() const& noexcept { return value_; }

    azkv::value& value() & noexcept { return value_; }

    azkv::value&& value() && noexcept { return std::move(value_); }

    /// The version of the row, opaque. Empty if the service sent none.
    const std::string& etag() const noexcept { return etag_; }

    /// When the service last changed the row, by its own clock. The epoch if the service sent no time.
    std::chrono::system_clock::time_point timestamp() const;

private:
    std::string partition_key_;
    std::string key_;
    azkv::value value_;
    std::string etag_;
    std::string timestamp_; // as sent: most callers never ask
};

} // namespace azkv
