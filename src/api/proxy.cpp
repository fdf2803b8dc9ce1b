#include "protocol/proxy.hpp"

#include <azkv/error.hpp>
#include <azkv/proxy.hpp>

#include <cstdlib>
#include <string>

namespace azkv {

namespace {

// Returns the first of two environment variables that is not empty.
std::string variable(const char* first, const char* second) {
    for (const char* name : {first, second})
        if (const char* text = std::getenv(name); text && *text) return text;
    return {};
}

} // namespace

proxy::proxy() noexcept = default;
proxy::~proxy() = default;
proxy::proxy(const proxy&) noexcept = default;
proxy::proxy(proxy&&) noexcept = default;
proxy& proxy::operator=(const proxy&) noexcept = default;
proxy& proxy::operator=(proxy&&) noexcept = default;

proxy::proxy(secret url) : settings_(std::make_shared<const protocol::proxy_settings>(url)) {}

proxy proxy::from_environment() {
    secret url(variable("https_proxy", "HTTPS_PROXY"));
    proxy p;
    if (url.empty()) return p;
    try {
        p = proxy(std::move(url));
    } catch (const error& e) {
        throw error(e.code(), std::string("HTTPS_PROXY: ") + e.what());
    }
    p.bypass(variable("no_proxy", "NO_PROXY"));
    return p;
}

proxy& proxy::bypass(std::string_view hosts) {
    if (!settings_) return *this;
    // Copies of this proxy share the old settings.
    const auto changed = std::make_shared<protocol::proxy_settings>(*settings_);
    changed->bypass(hosts);
    settings_ = changed;
    return *this;
}

} // namespace azkv
