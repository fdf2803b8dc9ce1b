// HTTP proxies: settings, which hosts bypass the proxy, and the CONNECT request.
#pragma once

#include "protocol/endpoint.hpp"

#include <azkv/secret.hpp>

#include <boost/system/error_code.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace azkv::protocol {

/// A proxy that opens tunnels (CONNECT), and the hosts that bypass it.
class proxy_settings {
public:
    /// Parses the URL. Throws `azkv::error` (errc::invalid_argument), whose message does not contain the URL.
    explicit proxy_settings(const secret& url);

    /// Returns the address of the proxy.
    const authority& at() const { return at_; }

    /// Adds hosts that bypass the proxy, in the form of `azkv::proxy::bypass`.
    void bypass(std::string_view hosts);

    /// Returns whether connections to `to` use the proxy.
    bool applies_to(const authority& to) const;

    /// Returns the request for a tunnel to `to`. A secret, because it contains the credentials.
    secret connect_request(const authority& to) const;

    /// Interprets the status of the proxy's response: no error if the tunnel is open; otherwise an error,
    /// with the reason in `detail`.
    boost::system::error_code tunnel_error(unsigned status, std::string& detail) const;

private:
    /// Hosts that bypass the proxy. An empty member matches everything.
    class rule {
    public:
        rule() {}

        bool matches(std::string_view host, std::string_view bytes, std::string_view at_port) const;

        std::string name;       // includes the names below it
        std::string address;    // in network byte order
        std::size_t prefix = 0; // bits of `address` to compare
        std::string port;
    };

    static rule parse_rule(std::string_view text);

    authority at_;
    secret credentials_; // in base64
    std::vector<rule> rules_;
};

} // namespace azkv::protocol
