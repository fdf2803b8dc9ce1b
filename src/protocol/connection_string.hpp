// Connection strings of Table Storage and Cosmos DB.
#pragma once

#include <azkv/secret.hpp>

#include <string>
#include <string_view>

namespace azkv::protocol {

/// The settings of the table service in a connection string.
class connection_settings {
public:
    connection_settings() {}

    std::string endpoint;           // base URL
    std::string secondary_endpoint; // likewise; empty: derived from the first
    std::string account;            // with `key`
    secret key;                     // base64; empty if there is a `sas`
    secret sas;
};

/// Parses a connection string of Azure Storage or Cosmos DB for Table, or `UseDevelopmentStorage=true`. Names
/// of settings are case-insensitive, white space around names and values is ignored, and so are unknown
/// settings. Does not check the key and the signature. Throws `azkv::error`
/// (errc::invalid_connection_string), which names the invalid setting and never contains its value.
connection_settings parse_connection_string(std::string_view text);

/// Returns `connection_string`. Throws like `parse_connection_string` if it is null.
std::string_view present(const char* connection_string);

/// Returns the well-known account of the emulators.
connection_settings development_account();

} // namespace azkv::protocol
