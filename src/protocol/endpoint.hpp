#pragma once

#include <azkv/value.hpp>

#include <string>
#include <string_view>

namespace azkv::protocol {

/// Where connections go to.
class authority {
public:
    authority() {}

    bool tls = false;
    std::string host; // a name or an address, without brackets
    std::string port;
    // SHA-1 of the peer's certificate, in hexadecimal: that, and no authority, proves who it is. Empty: none.
    std::string thumbprint;

    friend bool operator==(const authority&, const authority&) = default;
};

/// The base URL of a table service.
class endpoint {
public:
    endpoint() {}

    authority at;
    std::string host_header; // `host[:port]`, as it stands in the URL
    std::string base_path;   // empty, or `/account` on path-style endpoints; no trailing slash

    std::string url() const { return (at.tls ? "https://" : "http://") + host_header + base_path; }
};

/// Reads `https://host[:port][/path]`. Throws `azkv::error` (errc::invalid_argument).
endpoint parse_endpoint(std::string_view url);

/// Likewise, for the base URL of a table service. Refuses one whose path names a table besides the account,
/// as the URLs of the portal do, and one of another service of Azure. `sas`: the signature that is used with
/// it, if any.
endpoint parse_table_endpoint(std::string_view url, std::string_view sas = {});

/// The account that the host of a service in Azure names; empty for any other host.
std::string_view account_of(const endpoint&);

/// The read-only twin of an account in its second region: `-secondary` stands behind the account's name.
/// Throws `azkv::error` (errc::invalid_argument) for a URL that has none.
endpoint secondary_of(const endpoint& primary);

/// Whether this is the number of a port. (Boost.URL 1.81 takes 65537 for 1.)
bool is_port(std::string_view text);

/// Whether an account's name may become part of a host's name: it then names no other host.
bool is_host_label(std::string_view account);

/// Whether a text may be the end of a host, such as `core.windows.net`, perhaps with a port.
bool is_host_suffix(std::string_view text);

/// The service that a URL belongs to, by its host name, or as the URL of an emulator; storage if that tells
/// nothing.
service_mode deduce_mode(const endpoint&);

/// Whether a host's name stands for this machine, whatever name servers and files say: `localhost`, or a name
/// below it, in any case (RFC 6761). Such a name is never looked up.
bool is_localhost(std::string_view host);

/// Whether the host is this machine: by its name, or by a loopback address.
bool is_loopback(const endpoint&);

} // namespace azkv::protocol
