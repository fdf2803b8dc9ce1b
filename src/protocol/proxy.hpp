#pragma once

#include "protocol/endpoint.hpp"

#include <azkv/secret.hpp>

#include <boost/system/error_code.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace azkv::protocol {

/// A proxy that makes tunnels (CONNECT), and which hosts are reached without it.
class proxy_settings {
public:
    /// Reads its URL. Throws `azkv::error` (errc::invalid_argument), which does not repeat it.
    explicit proxy_settings(const secret& url);

    /// Where it is.
    const authority& at() const { return at_; }

    /// Adds hosts, as `azkv::proxy::bypass` describes them.
    void bypass(std::string_view hosts);

    /// Whether connections to `to` go through it.
    bool applies_to(const authority& to) const;

    /// The request for a tunnel to `to`; secret, as its credentials are.
    secret connect_request(const authority& to) const;

    /// What it means that the proxy answered so: no error if there is a tunnel now, or else one whose reason
    /// is in `detail`.
    boost::system::error_code judge(unsigned status, std::string& detail) const;

private:
    /// Hosts that are reached without it. An empty part stands for all that there is.
    class rule {
    public:
        rule() {}

        bool matches(std::string_view host, std::string_view bytes, std::string_view at_port) const;

        std::string name;       // with those below it
        std::string address;    // its bytes
        std::size_t prefix = 0; // how many of its bits count
        std::string port;
    };

    static rule parse_rule(std::string_view text);

    authority at_;
    secret credentials_; // in base64
    std::vector<rule> rules_;
};

} // namespace azkv::protocol
