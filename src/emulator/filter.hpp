// `$filter` expressions: parsing, matching, and the range of keys to scan.
#pragma once

#include "emulator/entity.hpp"

#include <azkv/value.hpp>

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace azkv::emulation {

/// A range of keys that contains all matches of a filter, so that a scan need not look beyond it.
class key_range {
public:
    std::optional<std::string> partition_key;      // the only partition
    std::string first_partition_key;               // if several; inclusive
    std::optional<std::string> last_partition_key; // inclusive
    std::string first_row_key;                     // in the only partition; inclusive
    std::optional<std::string> last_row_key;       // inclusive
};

/// A `$filter`. A comparison, even `ne`, is false for an entity that lacks the property or has a value that
/// cannot be compared with the literal. There may be any number of comparisons: the service documents a limit
/// of 15, but answers filters with hundreds.
/// (https://learn.microsoft.com/rest/api/storageservices/querying-tables-and-entities)
class filter {
public:
    /// Matches everything.
    filter();
    ~filter();
    filter(filter&&) noexcept;
    filter& operator=(filter&&) noexcept;

    /// Throws `failure` (400 InvalidInput) if the text is not a filter or is nested too deeply. A text of
    /// spaces only matches everything.
    static filter parse(std::string_view text, service_mode);

    bool matches(const entity&) const;

    /// Returns the number of comparisons, each of which a match may need.
    std::size_t comparisons() const;

    key_range keys() const;

    /// Returns whether it compares only keys, so that the properties of entities need not be parsed.
    bool is_on_keys_only() const;

private:
    class node;
    class parser;
    service_mode mode_ = service_mode::storage;
    std::unique_ptr<const node> root_;
};

} // namespace azkv::emulation
