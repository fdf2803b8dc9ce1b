#pragma once

#include "emulator/entity.hpp"

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace azkv::emulation {

/// A piece of the order of keys in which all matches of a filter lie: what a scan need not look beyond.
class key_range {
public:
    std::optional<std::string> partition_key;      // the only one
    std::string first_partition_key;               // if not; inclusive
    std::optional<std::string> last_partition_key; // inclusive
    std::string first_row_key;                     // in that only partition; inclusive
    std::optional<std::string> last_row_key;       // inclusive
};

/// A `$filter`. A comparison does not hold for an entity that lacks the property, or has something in it that
/// cannot be compared with the literal, not even `ne`.
/// (https://learn.microsoft.com/rest/api/storageservices/querying-tables-and-entities)
class filter {
public:
    /// Matches everything.
    filter();
    ~filter();
    filter(filter&&) noexcept;
    filter& operator=(filter&&) noexcept;

    /// Throws `failure` (400 InvalidInput) for what is no filter, has more than `max_comparisons`, or is
    /// nested too deep. A text of blanks only matches everything.
    static filter parse(std::string_view text, std::size_t max_comparisons = 15);

    bool matches(const entity&) const;

    key_range keys() const;

    /// Whether all that it compares are keys, so that an entity's other properties need not be read.
    bool is_on_keys_only() const;

private:
    class node;
    class parser;
    std::unique_ptr<const node> root_;
};

} // namespace azkv::emulation
