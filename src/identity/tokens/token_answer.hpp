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

/// When a token expires, as somebody wrote it: seconds since 1970, `2026-01-02T03:04:05[.678]Z` or with an
/// offset, `01/02/2026 03:04:05 +00:00` or with `AM` or `PM`, `/Date(1767323045000)/`. nullopt if it is none
/// of these, or far beyond what any token has.
std::optional<wall_time> parse_expiry(std::string_view text);

/// The token in an answer of an authority or of a metadata service, and when it expires: `access_token` with
/// `expires_on`, or with `expires_in` from `asked` on, `refresh_in` if there is one, each a number or a text.
/// Wipes the body. Throws `azkv::error` (errc::bad_response) if it is no such answer.
access_token read_token(protocol::response&& r, wall_time asked);

/// What whoever gives tokens says instead of giving one.
class token_refusal {
public:
    token_refusal() {}

    std::string error;       // a word: `invalid_client`; empty if it gave none that is one
    std::string description; // its own text; may be empty
    long number = 0;         // of an AADSTS error; 0 if there is none

    /// `HTTP 401, invalid_client, AADSTS7000215`: nothing that somebody else wrote, so a word is left out if
    /// it is none that the protocol has.
    std::string summary(unsigned status) const;
};

token_refusal read_refusal(const protocol::response& r);

/// What to tell of an answer that is none.
diagnostics details_of(const protocol::response& r);

/// Throws the failure that `r` tells of: errc::authentication_failed, or for what is worth trying later
/// errc::server_error (5xx), errc::throttled (429) or errc::timed_out (408). `asked` is who gave it:
/// "login.microsoftonline.com".
[[noreturn]] void fail(const protocol::response& r, const std::string& asked);

} // namespace azkv::identity
