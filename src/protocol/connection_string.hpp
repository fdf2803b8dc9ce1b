#pragma once

#include <string>
#include <string_view>

namespace azkv::protocol {

/// What a connection string says of the table service.
class connection_settings {
public:
    connection_settings() {}

    std::string endpoint;           // base URL
    std::string secondary_endpoint; // likewise; empty: it follows from the first
    std::string account;            // with `key`
    std::string key;                // base64; empty if there is a `sas`
    std::string sas;
};

/// Reads a connection string of Azure storage, of Cosmos DB for Table, or `UseDevelopmentStorage=true`.
/// Names of settings are case-insensitive, unknown ones are passed over. Throws `azkv::error`
/// (errc::invalid_connection_string) that names the setting at fault, never its text.
connection_settings parse_connection_string(std::string_view text);

/// The account that every emulator has.
connection_settings development_account();

} // namespace azkv::protocol
