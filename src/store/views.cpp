#include "store/views.hpp"

#include "codec/names.hpp"
#include "protocol/trace_context.hpp"
#include "support/require.hpp"

namespace azkv::views {

client::call_settings in_partition(client::call_settings s, std::string_view partition, service_mode mode) {
    s.partition = codec::escape_key(partition, mode, codec::key_kind::partition);
    return s;
}

client::call_settings with_timeout(client::call_settings s, std::chrono::milliseconds timeout) {
    require_time(timeout, "with_timeout: the timeout");
    s.timeout = timeout;
    return s;
}

client::call_settings with_max_attempts(client::call_settings s, int attempts) {
    require(attempts >= 1, "with_max_attempts: must be at least 1");
    s.max_attempts = attempts;
    return s;
}

client::call_settings with_traceparent(client::call_settings s, std::string_view traceparent,
                                       std::string_view tracestate) {
    s.trace = protocol::trace_headers(traceparent, tracestate);
    return s;
}

} // namespace azkv::views
