// Entities: from a value to the JSON that the service stores, and back.
#pragma once

#include "codec/entity_key.hpp"

#include <azkv/entry.hpp>
#include <azkv/projection.hpp>
#include <azkv/value.hpp>

#include <boost/json/value.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace azkv::codec {

/// What an entity has beside its value.
class entity_extras {
public:
    entity_extras() {}

    std::string marks;            // of conditional writes; empty: no such property
    const entry* typed = nullptr; // whose types the members keep
};

/// Returns the entity that stores `v`, as one line of ASCII JSON. Throws `azkv::error`, which names the
/// member, the size and the limit, if the service cannot hold the value.
std::string encode_entity(const entity_key& key, const value& v, service_mode mode,
                          const entity_extras& extras = {});

/// Appends that entity to `out`. An exception may leave a part of it there.
void append_entity(std::string& out, const entity_key& key, const value& v, service_mode mode,
                   const entity_extras& extras = {});

/// Which columns of a row a response has.
enum class columns {
    all,
    selected, ///< those of a `select_list`
};

/// The keys, as stored, that a response must have. Refers to the caller's strings.
class expected_keys {
public:
    expected_keys() {}

    explicit expected_keys(std::string_view partition) : partition(partition) {}

    expected_keys(std::string_view partition, std::string_view row) : partition(partition), row(row) {}

    std::optional<std::string_view> partition; // nullopt: any
    std::optional<std::string_view> row;
};

/// Returns the value in an entity, with the members that `select` names, or all. Throws `azkv::error`:
/// errc::bad_response if `json` is not an entity, lacks a key, or has other keys than `keys`;
/// errc::invalid_argument if a member has more parts than were selected.
value decode_entity(std::string_view json, const expected_keys& keys, const projection& select = {},
                    columns which = columns::all);

/// Returns an entity with its columns. Throws like `decode_entity`.
entry decode_entry(std::string_view json, const expected_keys& keys, const projection& select = {},
                   columns which = columns::all);

/// Returns the entries of a page: the elements of `value` in the response to a query. Throws like
/// `decode_entity`.
std::vector<entry> decode_page(std::string_view json, const expected_keys& keys = {},
                               const projection& select = {}, columns which = columns::all);

/// Returns the EDM type of the property that stores a member, or of its parts.
std::string_view natural_type(const boost::json::value& v);

/// How many parts of a member a projection selects: as many as fit into a row of Table Storage.
inline constexpr std::size_t max_selected_parts = 16;

/// Returns the `$select` list for the keys, the members of `p` and their parts, not yet percent-encoded;
/// empty for all columns. `for_entries` adds the other columns that an `entry` needs.
std::string select_list(const projection& p, service_mode mode, bool for_entries);

} // namespace azkv::codec
