// Lets the library read the settings in an `azkv::proxy`.
#pragma once

#include <azkv/proxy.hpp>

#include <memory>

namespace azkv::net {

/// Returns the settings of a proxy; null if there is none.
class proxy_access {
public:
    static const std::shared_ptr<const protocol::proxy_settings>& settings(const proxy& p) {
        return p.settings_;
    }
};

} // namespace azkv::net
