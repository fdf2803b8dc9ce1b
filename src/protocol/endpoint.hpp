// Base URLs of table services: parsing, and what the host name says.
#pragma once

#include <azkv/value.hpp>

#include <string>
#include <string_view>

namespace azkv::protocol {

/// The host and port that connections go to.
class authority {
public:
    authority() {}

    bool tls = false;
    std::string host; // a name or an address, without brackets
    std::string port;
    // SHA-1 of the peer's certificate in hexadecimal. If set, it is checked instead of the certificate chain.
    std::string thumbprint;

    friend bool operator==(const authority&, const authority&) = default;
};

/// The base URL of a table service.
class endpoint {
public:
    endpoint() {}

    authority at;
    std::string host_header; // `host[:port]` as in the URL
    std::string base_path;   // empty, or `/account` on path-style endpoints; no trailing slash

    std::string url() const { return (at.tls ? "https://" : "http://") + host_header + base_path; }
};

/// Parses `https://host[:port][/path]`. Throws `azkv::error` (errc::invalid_argument).
endpoint parse_endpoint(std::string_view url);

/// Like `parse_endpoint`, for the base URL of a table service. Rejects a URL whose path names a table besides
/// the account, as URLs in the portal do, and a URL of another Azure service. `sas` is the signature used
/// with the URL, if any.
endpoint parse_table_endpoint(std::string_view url, std::string_view sas = {});

/// Returns the account in the host name of an Azure service; empty for any other host.
std::string_view account_of(const endpoint&);

/// Returns the read-only endpoint in the account's secondary region, which has `-secondary` after the
/// account's name. Throws `azkv::error` (errc::invalid_argument) if the URL has no account.
endpoint secondary_of(const endpoint& primary);

/// Returns whether `text` is a port number. (Boost.URL 1.81 reads 65537 as 1.)
bool is_port(std::string_view text);

/// Returns whether `account` can be a label of a host name, so that it cannot name another host.
bool is_host_label(std::string_view account);

/// Returns whether `text` can be the end of a host name, such as `core.windows.net`, with or without a port.
bool is_host_suffix(std::string_view text);

/// Returns the service that a URL belongs to, judging by the host name or by the form of an emulator's URL;
/// storage if neither applies.
service_mode deduce_mode(const endpoint&);

/// Returns whether `host` is `localhost` or a name below it, in any case. Such a name always means this
/// machine and is never looked up (RFC 6761).
bool is_localhost(std::string_view host);

/// Returns whether the host is `localhost` or a loopback address.
bool is_loopback(const endpoint&);

} // namespace azkv::protocol
