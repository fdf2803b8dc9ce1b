// The marks that conditional writes leave in a row, so that a lost response can be resolved. No I/O.
#pragma once

#include "codec/entity_key.hpp"

#include <azkv/etag.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace azkv::codec {

/// The property that holds them. It is no member of the value.
inline constexpr std::string_view marks_property = "azkv_write";

/// A write: its own id, and what it replaced.
class write_mark {
public:
    write_mark(std::uint64_t id, std::uint64_t replaced) : id(id), replaced(replaced) {}

    std::uint64_t id;       // random
    std::uint64_t replaced; // of `hash_of`: 48 bits; 0: nothing, the write was an insert

    friend bool operator==(const write_mark&, const write_mark&) = default;
};

/// Returns 48 bits of a hash of a row's keys and a version of it. It is part of the storage format. (Of the
/// keys as well, because the rows of a transaction may share an ETag.)
std::uint64_t hash_of(const entity_key& key, const etag& version);

/// The marks of a row's last conditional writes, newest first.
class write_marks {
public:
    static constexpr std::size_t most = 8;

    write_marks() {}

    /// Parses the text of the property. Text that azkv has not written has no marks.
    explicit write_marks(std::string_view text);

    /// Adds the newest one. Forgets the oldest if there are too many.
    void add(const write_mark& m);

    /// Returns whether the write of this id is among them.
    bool has(std::uint64_t id) const;

    /// Returns whether it is the newest one.
    bool begins_with(std::uint64_t id) const { return !all_.empty() && all_.front().id == id; }

    /// Returns whether another write than that of `id` replaced this version.
    bool others_replaced(std::uint64_t version_hash, std::uint64_t id) const;

    /// Returns the text of the property: 19 characters each.
    std::string text() const;

private:
    std::vector<write_mark> all_;
};

} // namespace azkv::codec
