#include "identity/sources/cloud.hpp"

namespace azkv::identity {

namespace {

enum class cloud { everywhere, china, us_government };

cloud cloud_of(std::string_view host) {
    if (host.ends_with(".core.chinacloudapi.cn") || host.ends_with(".cosmos.azure.cn")) return cloud::china;
    if (host.ends_with(".core.usgovcloudapi.net") || host.ends_with(".cosmos.azure.us"))
        return cloud::us_government;
    return cloud::everywhere;
}

} // namespace

std::string default_scope(std::string_view host, service_mode mode) {
    // Storage has the same audience in all clouds: https://github.com/Azure/azure-sdk-for-go/issues/25542
    if (mode == service_mode::storage) return "https://storage.azure.com/.default";
    switch (cloud_of(host)) {
    case cloud::china: return "https://cosmos.azure.cn/.default";
    case cloud::us_government: return "https://cosmos.azure.us/.default";
    case cloud::everywhere: break;
    }
    return "https://cosmos.azure.com/.default";
}

std::string default_authority(std::string_view host) {
    switch (cloud_of(host)) {
    case cloud::china: return "https://login.chinacloudapi.cn";
    case cloud::us_government: return "https://login.microsoftonline.us";
    case cloud::everywhere: break;
    }
    return "https://login.microsoftonline.com";
}

} // namespace azkv::identity
