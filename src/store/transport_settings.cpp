#include "store/transport_settings.hpp"

#include "net/proxy_access.hpp"

namespace azkv {

net::pool::limits pool_limits(const client::service_context& service) {
    net::pool::limits l(service.options.max_connections());
    l.waiting = service.options.max_waiting();
    return l;
}

net::connector::settings connector_settings(const client::service_context& service) {
    net::connector::settings s;
    s.connect_timeout = service.options.connect_timeout();
    s.idle_timeout = service.options.idle_timeout();
    s.max_response_size = service.options.max_response_size();
    s.tls = service.tls;
    s.proxy = net::proxy_access::settings(service.options.proxy());
    return s;
}

} // namespace azkv
