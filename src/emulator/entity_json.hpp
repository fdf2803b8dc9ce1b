// Entities as JSON: parsing with the checks of the service, storing, writing.
#pragma once

#include "emulator/entity.hpp"
#include "emulator/limits.hpp"

#include <azkv/value.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace azkv::emulation {

/// How much type information a response contains, from the `Accept` header or `$format`.
enum class metadata { none, minimal, full };

/// An entity as sent by a client: the keys may be missing. Without null members and those that the service
/// sets itself.
class sent_entity {
public:
    std::optional<std::string> partition_key;
    std::optional<std::string> row_key;
    std::vector<property> properties;

    // How many properties precede the keys.
    std::size_t partition_key_place = 0;
    std::size_t row_key_place = 0;
};

/// Parses the JSON of an entity and checks names, types and values, but not the total size. Throws `failure`.
sent_entity read_entity(std::string_view json, service_mode);

/// Throws `failure` if the service does not accept a key.
void check_keys(std::string_view partition_key, std::string_view row_key, service_mode);

/// Throws `failure` if the entity has too many properties or is too large.
void check_size(const entity&, service_mode);

/// Returns the properties in the stored form: members of a JSON object with type annotations.
std::string write_properties(const std::vector<property>&, service_mode);

/// Parses the result of `write_properties`.
std::vector<property> read_properties(std::string_view text);

/// Appends a property as members of a JSON object.
void append_property(std::string& out, std::string_view name, const edm_value&, metadata, service_mode);

/// Returns whether a property may have that name, whatever its length.
bool is_identifier(std::string_view name);

/// Appends `"name":"text",`.
void append_member(std::string& out, std::string_view name, std::string_view text);

/// Parses a JSON object with one member, a string: `{"TableName":"mytable"}`. Throws `failure`.
std::string read_table_name(std::string_view json);

} // namespace azkv::emulation
