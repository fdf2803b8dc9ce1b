#include "protocol/message.hpp"

#include "support/ascii.hpp"

namespace azkv::protocol {

void response::keep_header(std::string_view name, std::string_view text) {
    const auto is = [&](std::string_view other) { return ascii::is_equal(name, other); };
    if (is("x-ms-request-id"))
        request_id = text;
    else if (is("ETag"))
        etag.assign(text);
    else if (is("x-ms-error-code"))
        error_code = text;
    else if (is("x-ms-continuation-NextPartitionKey"))
        next_partition_key = text;
    else if (is("x-ms-continuation-NextRowKey"))
        next_row_key = text;
    else if (is("Retry-After"))
        retry_after = text;
    else if (is("retry-after-ms") || is("x-ms-retry-after-ms"))
        retry_after_ms = text;
    else if ((status >= 400 || status == 202 || is_dated) && is("Date"))
        date = text;
    else if (is("WWW-Authenticate"))
        challenge.append(challenge.empty() ? "" : ", ").append(text);
}

} // namespace azkv::protocol
