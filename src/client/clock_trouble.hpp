// Explains rejected credentials by a wrong clock or an expired signature. No I/O; the time is an argument.
#pragma once

#include "identity/tokens/request_signer.hpp"
#include "protocol/http_date.hpp"
#include "protocol/message.hpp"

#include <chrono>
#include <string>

namespace azkv::client {

/// Returns `; this machine's clock is 16 minutes behind the service's`, `; the shared access signature
/// expired on ..`, both or nothing, judged by the date of the response. `now` is this machine's time. `a` may
/// be null.
inline std::string clock_trouble(const protocol::response& r, const identity::request_signer* a,
                                 std::chrono::system_clock::time_point now) {
    using namespace std::chrono;
    constexpr minutes tolerated{10}; // the service tolerates 15
    std::string text;
    const auto date = r.status == 401 || r.status == 403 ? protocol::parse_http_date(r.date) : std::nullopt;
    if (!date) return text;
    const auto behind = duration_cast<seconds>(*date - floor<seconds>(now));
    if (abs(behind) > tolerated)
        text.append("; this machine's clock is ")
            .append(std::to_string(round<minutes>(abs(behind)).count()))
            .append(behind.count() > 0 ? " minutes behind" : " minutes ahead of")
            .append(" the service's");
    const auto expiry = a ? a->expiry() : std::nullopt;
    if (expiry && *expiry <= *date)
        text.append("; the shared access signature expired on ").append(protocol::http_date(*expiry));
    return text;
}

} // namespace azkv::client
