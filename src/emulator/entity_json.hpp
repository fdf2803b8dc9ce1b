#pragma once

#include "emulator/entity.hpp"
#include "emulator/limits.hpp"

#include <azkv/value.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace azkv::emulation {

/// How much an answer tells of types, from the `Accept` header or `$format`.
enum class metadata { none, minimal, full };

/// An entity as a client sends it: the keys may be missing. Members that are null, and those that the service
/// sets itself, are passed over.
class sent_entity {
public:
    std::optional<std::string> partition_key;
    std::optional<std::string> row_key;
    std::vector<property> properties;
};

/// Reads the JSON of an entity and checks names, types and values, but not the size of the whole. Throws
/// `failure`.
sent_entity read_entity(std::string_view json, service_mode);

/// Throws `failure` for a key that the service does not take.
void check_keys(std::string_view partition_key, std::string_view row_key, service_mode);

/// Throws `failure` if the whole has too many properties or is too large.
void check_size(const entity&, service_mode);

/// The properties as they are kept: as members of a JSON object, with the annotations that tell their types.
std::string write_properties(const std::vector<property>&, service_mode);

/// Reads what `write_properties` made.
std::vector<property> read_properties(std::string_view text);

/// Appends a property as members of a JSON object.
void append_property(std::string& out, std::string_view name, const edm_value&, metadata, service_mode);

/// Appends `"name":"text",`.
void append_member(std::string& out, std::string_view name, std::string_view text);

/// Reads the only member of a JSON object, a string: `{"TableName":"mytable"}`. Throws `failure`.
std::string read_table_name(std::string_view json);

} // namespace azkv::emulation
