// Challenges: what `WWW-Authenticate` says about the token that a service wants. No I/O.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace azkv::identity {

/// The token that a service wants. Untrusted: check each member before a token is requested with it.
class bearer_challenge {
public:
    bearer_challenge() {}

    std::string authority; // `https://login.microsoftonline.com`; empty if there is none with TLS
    std::string tenant;    // an identifier or a domain; empty if there is none, or no authority
    std::string resource;
    std::string error;
    std::string claims; // a JSON object, or empty
};

/// Returns the first challenge of the scheme Bearer in `WWW-Authenticate`, which may hold several; nullopt if
/// there is none, or if a quoted string is not closed.
std::optional<bearer_challenge> parse_bearer_challenge(std::string_view www_authenticate);

} // namespace azkv::identity
