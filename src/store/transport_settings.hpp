// The settings of a store's transport, from its options.
#pragma once

#include "client/service_context.hpp"
#include "net/connection.hpp"
#include "net/pool.hpp"

namespace azkv {

net::pool::limits pool_limits(const client::service_context& service);

net::connector::settings connector_settings(const client::service_context& service);

} // namespace azkv
