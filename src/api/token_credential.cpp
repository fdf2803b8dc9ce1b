#include "support/require.hpp"

#include <azkv/token_credential.hpp>

#include <algorithm>
#include <utility>

namespace azkv {

namespace {

bool is_visible(char c) {
    return c > 0x20 && c < 0x7F;
}

} // namespace

access_token::access_token(secret token, time_point expires_on)
    : token_(std::move(token)), expires_on_(expires_on) {
    require(!token_.empty(), "the token is empty");
    require(std::ranges::all_of(token_.reveal(), is_visible),
            "the token contains a character that is not visible ASCII");
}

access_token& access_token::refresh_on(time_point at) {
    refresh_on_ = at;
    return *this;
}

token_request::token_request(std::string scope) : scope_(std::move(scope)) {
    // Developer tools get it as an argument, so only these characters are allowed.
    const auto allowed = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
               || std::string_view("-_.:/").find(c) != std::string_view::npos;
    };
    const bool sound = !scope_.empty() && scope_.front() != '-' && std::ranges::all_of(scope_, allowed);
    require(sound, "the scope of a token may contain only letters, digits and -_.:/ such as "
                   "https://storage.azure.com/.default");
}

std::string token_request::resource() const {
    constexpr std::string_view suffix = "/.default";
    return scope_.ends_with(suffix) ? scope_.substr(0, scope_.size() - suffix.size()) : scope_;
}

token_request& token_request::tenant(std::string id) {
    const auto allowed = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-'
               || c == '.';
    };
    require(std::ranges::all_of(id, allowed) && !id.starts_with('-') && !id.starts_with('.'),
            "a tenant must be a name or an id of letters, digits, - and .");
    tenant_ = std::move(id);
    return *this;
}

token_request& token_request::authority(std::string url) {
    authority_ = std::move(url);
    return *this;
}

token_request& token_request::claims(std::string json) {
    claims_ = std::move(json);
    return *this;
}

token_credential::~token_credential() = default; // defined here for a single type_info

} // namespace azkv
