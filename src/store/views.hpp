// The settings of a view, from those of the store that it is a view of.
#pragma once

#include "client/call_settings.hpp"

#include <azkv/value.hpp>

#include <chrono>
#include <string>
#include <string_view>

namespace azkv::views {

// Each function throws `azkv::error` if the argument is not valid.

client::call_settings in_partition(client::call_settings s, std::string_view partition, service_mode mode);

client::call_settings with_timeout(client::call_settings s, std::chrono::milliseconds timeout);

client::call_settings with_max_attempts(client::call_settings s, int attempts);

client::call_settings with_traceparent(client::call_settings s, std::string_view traceparent,
                                       std::string_view tracestate);

} // namespace azkv::views
