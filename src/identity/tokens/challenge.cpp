#include "identity/tokens/challenge.hpp"

#include "protocol/endpoint.hpp"
#include "support/ascii.hpp"
#include "support/base64.hpp"

#include <azkv/error.hpp>

#include <boost/json/parse.hpp>

#include <algorithm>
#include <utility>

namespace azkv::identity {

namespace {

constexpr std::size_t max_claims = 16 * 1024;
constexpr std::size_t max_domain = 253;

/// Splits the header into names of schemes and parameters. Commas do not tell where a challenge ends: the
/// grammar (RFC 9110, 11.6.1) puts them between parameters and between challenges alike, and services omit
/// them.
class tokenizer {
public:
    explicit tokenizer(std::string_view text) : rest_(text) {}

    /// Moves on to the next word. Returns false at the end, and where the text is malformed.
    bool next() {
        skip(" \t,");
        if (rest_.empty()) return false;
        word_ = take_until(" \t,=");
        text_.clear();
        const std::string_view after_word = rest_;
        skip(" \t");
        parameter_ = rest_.starts_with('=');
        if (!parameter_) {
            rest_ = after_word;
            return true;
        }
        rest_.remove_prefix(1);
        skip(" \t");
        if (rest_.starts_with('"')) return unquote();
        text_ = take_until(" \t,");
        return true;
    }

    bool malformed() const { return malformed_; }

    bool is_parameter() const { return parameter_; }

    std::string_view word() const { return word_; }

    const std::string& text() const { return text_; }

private:
    void skip(std::string_view these) {
        rest_.remove_prefix(std::min(rest_.find_first_not_of(these), rest_.size()));
    }

    std::string_view take_until(std::string_view these) {
        const std::string_view taken = rest_.substr(0, rest_.find_first_of(these));
        rest_.remove_prefix(taken.size());
        return taken;
    }

    bool unquote() {
        for (std::size_t i = 1; i < rest_.size(); ++i) {
            if (rest_[i] == '"') {
                rest_.remove_prefix(i + 1);
                return true;
            }
            if (rest_[i] == '\\' && ++i == rest_.size()) break;
            text_.push_back(rest_[i]);
        }
        malformed_ = true;
        return false;
    }

    std::string_view rest_;
    std::string_view word_;
    std::string text_;
    bool parameter_ = false;
    bool malformed_ = false;
};

bool is_hex(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

bool is_uuid(std::string_view text) {
    constexpr std::string_view form = "00000000-0000-0000-0000-000000000000";
    return std::ranges::equal(text, form, [](char c, char f) { return f == '-' ? c == '-' : is_hex(c); });
}

// Returns true for two or more labels of letters, digits and inner hyphens.
bool is_domain(std::string_view text) {
    if (text.size() > max_domain || text.find('.') == text.npos) return false;
    for (bool more = true; more;) {
        const std::string_view label = text.substr(0, text.find('.'));
        more = label.size() < text.size();
        text.remove_prefix(label.size() + more);
        if (!protocol::is_host_label(label) || label.starts_with('-') || label.ends_with('-')) return false;
    }
    return true;
}

// Returns the text, or an empty one if it has characters that are not visible: requests cannot hold them.
std::string visible_or_empty(const std::string& text) {
    return std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7F; }) ? text : std::string();
}

// `https://login.microsoftonline.com/TENANT/oauth2/authorize`
void read_authority(std::string_view uri, bearer_challenge& c) {
    protocol::endpoint e;
    try {
        e = protocol::parse_endpoint(uri.substr(0, uri.find_first_of("?#")));
    } catch (const error&) {
        return;
    }
    if (!e.at.tls || e.host_header.find('%') != e.host_header.npos) return;
    const std::string_view path = std::string_view(e.base_path).substr(e.base_path.empty() ? 0 : 1);
    const std::string_view first = path.substr(0, path.find('/'));
    e.base_path.clear();
    c.authority = e.url();
    if (is_uuid(first) || is_domain(first))
        c.tenant = first; // not `common` and the like, which stand for any tenant
}

std::string read_claims(const std::string& text) {
    if (text.size() > max_claims / 3 * 4 + 4) return {};
    std::optional<std::string> claims = support::decode_base64_lenient(text);
    if (!claims || claims->size() > max_claims) return {};
    boost::system::error_code ec;
    const boost::json::value v = boost::json::parse(*claims, ec);
    return !ec && v.is_object() ? std::move(*claims) : std::string();
}

} // namespace

std::optional<bearer_challenge> parse_bearer_challenge(std::string_view www_authenticate) {
    tokenizer r(www_authenticate);
    bool found = false;
    while (!found && r.next()) found = !r.is_parameter() && ascii::is_equal(r.word(), "Bearer");
    std::string uri, resource, failure, claims; // each the first of its name
    while (found && r.next() && r.is_parameter()) {
        const auto take = [&](std::string& to, std::string_view name) {
            if (to.empty() && ascii::is_equal(r.word(), name)) to = r.text();
        };
        take(uri, "authorization_uri");
        take(uri, "authorization");
        take(resource, "resource_id");
        take(resource, "resource");
        take(failure, "error");
        take(claims, "claims");
    }
    if (!found || r.malformed()) return std::nullopt;
    bearer_challenge c;
    read_authority(uri, c);
    c.resource = visible_or_empty(resource);
    c.error = visible_or_empty(failure);
    c.claims = read_claims(claims);
    return c;
}

} // namespace azkv::identity
