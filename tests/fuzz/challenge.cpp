#include "identity/tokens/challenge.hpp"

#include "fuzz.hpp"
#include "protocol/endpoint.hpp"
#include "support/base64.hpp"

#include <azkv/token_credential.hpp>

#include <boost/json/parse.hpp>

#include <algorithm>
#include <string>

using namespace azkv;
using namespace azkv::identity;

namespace {

bool agree(const std::optional<bearer_challenge>& a, const std::optional<bearer_challenge>& b) {
    if (!a || !b) return !a && !b;
    return a->authority == b->authority && a->tenant == b->tenant && a->resource == b->resource
           && a->error == b->error && a->claims == b->claims;
}

bool is_plain(const std::string& text) {
    return std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7F; });
}

std::string quoted(const std::string& text) {
    std::string q = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') q += '\\';
        q += c;
    }
    return q + '"';
}

// As a credential and a store use it.
void check_use(const bearer_challenge& c) {
    fuzz::require(c.tenant.empty() || !c.authority.empty(), "a tenant belongs to an authority");
    fuzz::require(is_plain(c.authority) && is_plain(c.resource) && is_plain(c.error),
                  "all characters are visible");
    if (!c.authority.empty()) {
        const auto e = fuzz::unless_refused([&] { return protocol::parse_endpoint(c.authority); });
        fuzz::require(e && e->at.tls && e->base_path.empty() && e->url() == c.authority,
                      "an authority is an https URL without a path");
    }
    const auto asked = fuzz::unless_refused([&] { return token_request("any").tenant(c.tenant); });
    fuzz::require(asked.has_value(), "a tenant can be requested");
    fuzz::require(c.tenant.empty() || c.tenant.find_first_of(".-") != c.tenant.npos,
                  "a tenant is one, and not a group of them");
    if (c.claims.empty()) return;
    boost::system::error_code ec;
    const auto v = boost::json::parse(c.claims, ec);
    fuzz::require(!ec && v.is_object() && c.claims.size() <= 16 * 1024, "the claims are an object");
}

std::string written(const bearer_challenge& c) {
    std::string text = "Bearer resource_id=" + quoted(c.resource) + ", error=" + quoted(c.error)
                       + " claims=" + support::encode_base64url(c.claims);
    if (!c.authority.empty())
        text += ", authorization_uri=" + quoted(c.authority + '/' + c.tenant + "/oauth2/authorize");
    return text;
}

} // namespace

bool fuzz::check(std::string_view input) {
    const auto c = parse_bearer_challenge(input);
    const std::string behind = "Basic realm=\"a, Bearer error=b\", " + std::string(input);
    require(agree(parse_bearer_challenge(behind), c), "a challenge of another scheme changes nothing");
    if (!c) return true;
    check_use(*c);
    require(agree(parse_bearer_challenge(written(*c)), c), "a written challenge is read");
    return true;
}
