#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace azkv::identity {

/// What a service says of the token that it wants. All of it is for whoever asks for the token to check.
class bearer_challenge {
public:
    bearer_challenge() {}

    std::string authority; // `https://login.microsoftonline.com`; empty if none, or one without TLS, is named
    std::string tenant;    // an identifier or a domain; empty if none is named, and without an authority
    std::string resource;
    std::string error;
    std::string claims; // a JSON object; empty if there is none
};

/// Reads `WWW-Authenticate`, which may hold several challenges: the first one of the scheme Bearer. nullopt
/// if there is none, or if a quotation has no end.
std::optional<bearer_challenge> parse_bearer_challenge(std::string_view www_authenticate);

} // namespace azkv::identity
