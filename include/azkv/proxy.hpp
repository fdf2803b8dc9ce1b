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

/// An HTTP proxy through which HTTPS connections go (CONNECT): it sees the host's name and port, and nothing
/// of what is said. Connections over plain HTTP, and those to this machine, go past it. Cheap to copy.
class AZKV_DECL proxy {
public:
    /// None.
    proxy() noexcept;

    /// `http://proxy.example:3128`, or with a user and a password, percent-encoded:
    /// `http://user:password@proxy.example:3128`. `http://` may be left out, and the port, which
    /// is 80 then. Throws `azkv::error` (errc::invalid_argument), which does not repeat it.
    explicit proxy(secret url);

    ~proxy();
    proxy(const proxy&) noexcept;
    proxy(proxy&&) noexcept;
    proxy& operator=(const proxy&) noexcept;
    proxy& operator=(proxy&&) noexcept;

    /// That of the variables `HTTPS_PROXY` and `NO_PROXY`, or of `https_proxy` and `no_proxy`, which go
    /// first; none if they are not set, or empty. Throws as the constructor does.
    static proxy from_environment();

    /// Adds hosts to go to directly, separated by commas: `internal.example` is that and all below it, the
    /// same with a dot in front; an address; each with or without `:port`; `10.0.0.0/8` is a range of
    /// addresses, `*` every host. Names are not looked up for it. Anything else matches no host. Where there
    /// is no proxy, it does nothing.
    proxy& bypass(std::string_view hosts);

private:
    friend class net::proxy_access;

    std::shared_ptr<const protocol::proxy_settings> settings_; // null: none
};

} // namespace azkv
