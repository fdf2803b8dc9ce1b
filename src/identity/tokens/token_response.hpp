// Token responses: the token and its expiry, or the error, that an authority sends. No I/O.
#pragma once

#include "protocol/message.hpp"

#include <azkv/error.hpp>
#include <azkv/token_credential.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace azkv::identity {

using wall_time = std::chrono::system_clock::time_point;

/// Reads the time when a token expires: seconds since 1970, `2026-01-02T03:04:05[.678]Z` or with an offset,
/// `01/02/2026 03:04:05 +00:00` or with `AM` or `PM`, `/Date(1767323045000)/`. Returns nullopt for any other
/// text, and for a time after 2200-01-01.
std::optional<wall_time> parse_expiry(std::string_view text);

/// Reads a response with a token from an authority or a metadata service: `access_token`, and `expires_on` or
/// `expires_in` (from `asked` on), and perhaps `refresh_in`, each a number or a string. Wipes the body.
/// Throws `azkv::error` (errc::bad_response) for a response that is not of this form.
access_token read_token(protocol::response&& r, wall_time asked);

/// The reason that an authority or a metadata service reports for not issuing a token.
class token_error {
public:
    token_error() {}

    std::string error;       // a word: `invalid_client`; empty if the response has none
    std::string description; // text for people; may be empty
    long number = 0;         // of an AADSTS error; 0 if there is none

    /// Returns `HTTP 401, invalid_client, AADSTS7000215`. Omits words that the protocol does not define,
    /// since they may repeat parts of the request.
    std::string summary(unsigned status) const;
};

token_error read_token_error(const protocol::response& r);

/// Returns the diagnostics of a response without a token.
diagnostics diagnostics_of(const protocol::response& r);

/// Throws the error that `r` reports: errc::authentication_failed, or for a transient one errc::server_error
/// (5xx), errc::throttled (429) or errc::timed_out (408). `sender` begins the message:
/// "login.microsoftonline.com".
[[noreturn]] void throw_token_error(const protocol::response& r, const std::string& sender);

} // namespace azkv::identity
