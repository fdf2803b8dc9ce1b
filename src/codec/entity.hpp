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

/// The entity that stores `v`: one line of ASCII JSON. The keys are as stored (escaped). Throws
/// `azkv::error` naming the member, the size and the limit if the service could not hold it.
std::string encode_entity(const entity_key& key, const value& v, service_mode mode);

/// Appends it to `out`, where an exception may leave a part of it.
void append_entity(std::string& out, const entity_key& key, const value& v, service_mode mode);

/// Which columns of a row an answer has.
enum class columns {
    all,
    selected, ///< those of a `select_list`
};

/// The keys, as stored, that an answer must be for. It refers to them.
class expected_keys {
public:
    expected_keys() {}

    explicit expected_keys(std::string_view partition) : partition(partition) {}

    expected_keys(std::string_view partition, std::string_view row) : partition(partition), row(row) {}

    std::optional<std::string_view> partition; // nullopt: any
    std::optional<std::string_view> row;
};

/// The value in the entity that `json` holds: its members, of which `select` may choose some. Throws
/// `azkv::error`: errc::bad_response if that is no entity, has not both keys, or has others than `keys`;
/// errc::invalid_argument if a member has more parts than were selected.
value decode_entity(std::string_view json, const expected_keys& keys, const projection& select = {},
                    columns which = columns::all);

/// The entries of a page: the members of `value` in a query's answer. Throws as `decode_entity` does, for
/// each.
std::vector<entry> decode_page(std::string_view json, const expected_keys& keys = {},
                               const projection& select = {}, columns which = columns::all);

/// The EDM type of the property that a member is stored as, or (the first) of its parts.
std::string_view natural_type(const boost::json::value& v);

/// How many parts of a member a projection asks for: those that fit into a row of Table Storage.
inline constexpr std::size_t max_selected_parts = 16;

/// The `$select` list for the keys, the members of `p` and their parts, not yet percent-encoded; empty for
/// all columns. `for_entries` adds what else an `entry` is made of.
std::string select_list(const projection& p, service_mode mode, bool for_entries);

} // namespace azkv::codec
