#include "protocol/proxy.hpp"

#include "protocol/percent_encoding.hpp"
#include "support/ascii.hpp"
#include "support/base64.hpp"
#include "support/whole_number.hpp"
#include "support/wipe.hpp"

#include <azkv/config.hpp>
#include <azkv/error.hpp>

#include <boost/url/ipv4_address.hpp>
#include <boost/url/ipv6_address.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

#include <algorithm>
#include <utility>

namespace azkv::protocol {

namespace urls = boost::urls;

namespace {

[[noreturn]] void refuse_proxy(const char* why) {
    throw error(errc::invalid_argument,
                std::string("invalid proxy URL: ") + why); // without the URL: a secret
}

template <class Address>
std::string bytes_of(const Address& a) {
    const auto bytes = a.to_bytes();
    return std::string(bytes.begin(), bytes.end());
}

// Returns the bytes of an address; empty if the text is not an address.
std::string parse_address(std::string_view text) {
    if (const auto v4 = urls::parse_ipv4_address(text)) return bytes_of(*v4);
    const auto v6 = urls::parse_ipv6_address(text);
    if (!v6) return {};
    const std::string bytes = bytes_of(*v6);
    return v6->is_v4_mapped() ? bytes.substr(12) : bytes;
}

std::string_view without_dot(std::string_view host) {
    if (host.ends_with('.')) host.remove_suffix(1);
    return host;
}

bool share_bits(std::string_view a, std::string_view b, std::size_t count) {
    if (a.size() != b.size() || count > 8 * a.size()) return false;
    if (a.substr(0, count / 8) != b.substr(0, count / 8)) return false;
    if (count % 8 == 0) return true;
    const auto differing = static_cast<unsigned char>(a[count / 8] ^ b[count / 8]);
    return differing >> (8 - count % 8) == 0;
}

bool is_number(std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

} // namespace

proxy_settings::proxy_settings(const secret& url) {
    wiped_string with_scheme;
    const std::string_view given = url.reveal();
    with_scheme.text.reserve(given.size() + 7); // growing would leave copies in freed memory
    if (given.find("://") == given.npos) with_scheme.text.append("http://");
    with_scheme.text.append(given);
    const auto parsed = urls::parse_uri(with_scheme.text);
    if (!parsed) refuse_proxy("not a URL");
    const urls::url_view u = *parsed;
    if (u.scheme_id() != urls::scheme::http)
        refuse_proxy("it must begin with http://; no other kind of proxy is supported");
    const bool has_path = !u.encoded_path().empty() && std::string_view(u.encoded_path()) != "/";
    if (has_path || u.has_query() || u.has_fragment()) refuse_proxy("it must end after the port");
    if (u.encoded_host().empty()) refuse_proxy("it has no host");
    if (u.has_port() && !u.port().empty() && !is_port(std::string_view(u.port())))
        refuse_proxy("the port must be between 1 and 65535");
    at_.host = ascii::to_lower(u.host_address());
    at_.port = u.has_port() && !u.port().empty() ? std::string(u.port()) : "80";
    if (!u.has_userinfo()) return;
    wiped_string credentials(u.user());
    if (credentials.text.find(':') != std::string::npos)
        refuse_proxy("the user name must not contain a colon");
    const wiped_string password(u.password());
    credentials.text.reserve(credentials.text.size() + 1 + password.text.size());
    credentials.text.append(":").append(password.text);
    credentials_ = secret(support::encode_base64(credentials.text));
}

proxy_settings::rule proxy_settings::parse_rule(std::string_view text) {
    rule r;
    if (const auto slash = text.find('/'); slash != text.npos) {
        const std::string_view bits = text.substr(slash + 1);
        std::string network = parse_address(text.substr(0, slash));
        const auto prefix = support::whole_number<std::size_t>(bits, 0, 8 * network.size());
        if (!network.empty() && prefix) {
            r.address = std::move(network);
            r.prefix = *prefix;
            return r;
        }
    }
    if (parse_address(text).empty()) { // an IPv6 address without brackets contains colons, too
        const auto colon = text.rfind(':');
        if (colon != text.npos && is_number(text.substr(colon + 1))) {
            r.port = std::string(text.substr(colon + 1));
            text = text.substr(0, colon);
        }
    }
    if (text.starts_with('[') && text.ends_with(']')) text = text.substr(1, text.size() - 2);
    r.address = parse_address(text);
    r.prefix = 8 * r.address.size();
    if (!r.address.empty() || text == "*") return r;
    if (text.starts_with("*.")) text.remove_prefix(1);
    if (text.starts_with('.')) text.remove_prefix(1);
    r.name = ascii::to_lower(without_dot(text));
    if (r.name.empty()) r.name = "."; // matches no host
    return r;
}

void proxy_settings::bypass(std::string_view hosts) {
    constexpr std::string_view separators = ", \t\r\n";
    while (!hosts.empty()) {
        const auto end = std::min(hosts.find_first_of(separators), hosts.size());
        if (end > 0) rules_.push_back(parse_rule(hosts.substr(0, end)));
        hosts.remove_prefix(std::min(end + 1, hosts.size()));
    }
}

bool proxy_settings::rule::matches(std::string_view host, std::string_view bytes,
                                   std::string_view at_port) const {
    if (!port.empty() && port != at_port) return false;
    if (!address.empty()) return share_bits(address, bytes, prefix);
    if (name.empty() || host == name) return true;
    return host.size() > name.size() && host.ends_with(name) && host[host.size() - name.size() - 1] == '.';
}

bool proxy_settings::applies_to(const authority& to) const {
    if (!to.tls) return false;
    endpoint e;
    e.at = to;
    e.at.host = ascii::to_lower(without_dot(to.host));
    const std::string bytes = parse_address(e.at.host);
    if (is_loopback(e) || (bytes.size() == 4 && bytes[0] == 127)) return false;
    return std::ranges::none_of(rules_, [&](const rule& r) { return r.matches(e.at.host, bytes, to.port); });
}

secret proxy_settings::connect_request(const authority& to) const {
    std::string there;
    if (urls::parse_ipv6_address(to.host)) {
        there.append("[").append(to.host).append("]");
    } else {
        append_encoded(there, to.host);
    }
    there.append(":").append(to.port);
    std::string text;
    text.reserve(2 * there.size() + credentials_.reveal().size()
                 + 160); // growing would leave copies in freed memory
    text.append("CONNECT ").append(there).append(" HTTP/1.1\r\nHost: ").append(there);
    text.append("\r\nUser-Agent: azkv/" AZKV_VERSION_STRING "\r\n");
    if (!credentials_.empty())
        text.append("Proxy-Authorization: Basic ").append(credentials_.reveal()).append("\r\n");
    text.append("\r\n");
    return secret(std::move(text));
}

boost::system::error_code proxy_settings::tunnel_error(unsigned status, std::string& detail) const {
    if (status / 100 == 2) return {};
    detail = "HTTP " + std::to_string(status);
    switch (status) {
    case 403: detail += ": the proxy forbids the tunnel"; return errc::proxy_failed;
    case 407:
        detail += credentials_.empty() ? ": the proxy requires credentials"
                                       : ": the proxy rejected the credentials";
        return errc::proxy_failed;
    case 502:
    case 503:
    case 504: detail += " from the proxy"; return errc::server_error;
    default: return errc::proxy_failed;
    }
}

} // namespace azkv::protocol
