#pragma once

#include <azkv/secret.hpp>

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
    secret key;                     // base64; empty if there is a `sas`
    secret sas;
};

/// Reads a connection string of Azure storage, of Cosmos DB for Table, or `UseDevelopmentStorage=true`. Names
/// of settings are case-insensitive, blanks and line ends around names and texts do not count, unknown
/// settings are passed over. Throws `azkv::error` (errc::invalid_connection_string) that names the setting at
/// fault, never its text. The key and the signature themselves are not checked.
connection_settings parse_connection_string(std::string_view text);

/// A text that is not null; null is refused as an empty text would be.
std::string_view present(const char* connection_string);

/// The account that every emulator has.
connection_settings development_account();

} // namespace azkv::protocol
