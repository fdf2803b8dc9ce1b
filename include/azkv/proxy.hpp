#pragma once

#include <azkv/config.hpp>
#include <azkv/secret.hpp>

#include <memory>
#include <string_view>

namespace azkv {

namespace protocol {
class proxy_settings;
}

namespace net {
class proxy_access;
}

/// An HTTP proxy for HTTPS connections (CONNECT). It sees the host's name and port, but not the traffic.
/// Plain HTTP connections, and connections to this machine, bypass it. Cheap to copy.
class AZKV_DECL proxy {
public:
    /// Creates no proxy: all connections are direct.
    proxy() noexcept;

    /// Creates a proxy from `http://proxy.example:3128` or, with a percent-encoded user and password, from
    /// `http://user:password@proxy.example:3128`. `http://` and the port are optional; the default port
    /// is 80.
    ///
    /// Throws: `azkv::error` (errc::invalid_argument) if `url` is invalid; the message does not contain it.
    explicit proxy(secret url);

    ~proxy();
    proxy(const proxy&) noexcept;
    proxy(proxy&&) noexcept;
    proxy& operator=(const proxy&) noexcept;
    proxy& operator=(proxy&&) noexcept;

    /// Creates the proxy that the environment variables `HTTPS_PROXY` and `NO_PROXY` describe. The lower-case
    /// names take precedence. Without them, or if they are empty, there is no proxy. Throws what the
    /// constructor throws.
    static proxy from_environment();

    /// Adds hosts that bypass the proxy, separated by commas:
    ///
    /// - `internal.example` or `.internal.example`: that host and all its subdomains
    /// - an IP address
    /// - either of them with `:port`
    /// - `10.0.0.0/8`: a range of addresses
    /// - `*`: every host
    ///
    /// Anything else matches no host. Names are not resolved for matching. Without a proxy, has no effect.
    proxy& bypass(std::string_view hosts);

private:
    friend class net::proxy_access;

    std::shared_ptr<const protocol::proxy_settings> settings_; // null: none
};

} // namespace azkv
