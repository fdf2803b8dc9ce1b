#pragma once

#include <azkv/config.hpp>
#include <azkv/etag.hpp>
#include <azkv/value.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace azkv {

namespace detail {
class entry_access;
class stored_row;
} // namespace detail

/// A row: a key, its value, and the service's metadata.
class AZKV_DECL entry {
public:
    entry() {}

    explicit entry(std::string partition_key, std::string key, azkv::value v,
                   azkv::etag version = azkv::etag())
        : partition_key_(std::move(partition_key)), key_(std::move(key)), value_(std::move(v)),
          etag_(std::move(version)) {}

    const std::string& key() const noexcept { return key_; }

    const std::string& partition_key() const noexcept { return partition_key_; }

    const azkv::value& value() const& noexcept { return value_; }

    azkv::value& value() & noexcept { return value_; }

    azkv::value&& value() && noexcept { return std::move(value_); }

    /// Returns the row's version. Empty if the service sent none.
    const azkv::etag& etag() const noexcept { return etag_; }

    /// Returns when the service last changed the row, by its own clock. Returns the epoch if the service sent
    /// no valid time.
    std::chrono::system_clock::time_point timestamp() const;

    /// Returns whether the row was read with a projection, so that the value may lack members.
    bool partial() const noexcept { return partial_; }

    /// Returns the type of the property that stores a member of the value: "Edm.String", "Edm.DateTime" ...
    /// Times, GUIDs and binary data of other programs are read as strings; this type tells them apart. Empty
    /// if the value has no such member.
    /// (https://learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model)
    std::string_view edm_type(std::string_view member) const;

private:
    friend class detail::entry_access;

    std::string partition_key_;
    std::string key_;
    azkv::value value_;
    azkv::etag etag_;
    std::string timestamp_;                                      // as received: most callers never ask
    std::vector<std::pair<std::string, std::string>> edm_types_; // those that the value does not imply
    std::shared_ptr<const detail::stored_row> stored_;           // null: nothing that it would add
    bool partial_ = false;
};

} // namespace azkv
