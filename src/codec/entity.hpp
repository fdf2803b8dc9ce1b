#pragma once

#include <azkv/entry.hpp>
#include <azkv/projection.hpp>
#include <azkv/value.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace azkv::codec {

/// The entity that stores `v`: one line of ASCII JSON. The keys are as stored (escaped). Throws
/// `azkv::error` naming the member, the size and the limit if the service could not hold it.
std::string encode_entity(std::string_view partition_key, std::string_view row_key, const value& v,
                          service_mode mode);

/// The value in the entity that `json` holds. Throws `azkv::error` (errc::bad_response).
value decode_entity(std::string_view json);

/// The entries of a page: the members of `value` in a query's answer. Throws `azkv::error`
/// (errc::bad_response).
std::vector<entry> decode_page(std::string_view json);

/// The `$select` list for the members of `p`, not yet percent-encoded; empty for all. `with_keys` adds the
/// columns that an `entry` is made of.
std::string select_list(const projection& p, service_mode mode, bool with_keys);

} // namespace azkv::codec
