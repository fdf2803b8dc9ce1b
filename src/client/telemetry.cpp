#include "client/telemetry.hpp"

#include "codec/names.hpp"
#include "support/counted.hpp"

#include <array>
#include <charconv>
#include <cmath>

namespace azkv::client {

namespace {

std::string in_milliseconds(event::duration d) {
    const double n = std::chrono::duration<double, std::milli>(d).count();
    std::array<char, 32> text;
    const auto end =
        std::to_chars(text.data(), text.data() + text.size(), n, std::chars_format::fixed, 1).ptr;
    return std::string(text.data(), end) + " ms";
}

std::string outcome(const event& e) {
    std::string text = e.error ? e.error.message() : e.kind == event_kind::operation ? "done" : "";
    if (e.error && e.kind == event_kind::operation) text.insert(0, "failed: ");
    if (e.status != 0) {
        text.append(text.empty() ? "HTTP " : ", HTTP ").append(std::to_string(e.status));
        if (!e.service_code.empty()) text.append(" ").append(e.service_code);
    }
    return text;
}

} // namespace

std::string describe(const event& e) {
    if (e.kind == event_kind::overload)
        return "overloaded: " + support::calls_that_wait(e.waiting) + " for "
               + support::counted(e.connections, "connection") + "; " + std::to_string(e.lost)
               + " had too little time left, " + std::to_string(e.refused) + " found too many waiting";
    if (e.kind == event_kind::pace) {
        const std::string who = codec::in_quotes(e.collection);
        if (e.rate == 0) return who + " is no longer throttled";
        return who + " is throttled: " + std::to_string(std::lround(e.rate)) + " entities a second, after "
               + in_milliseconds(e.pause) + "; " + support::calls_that_wait(e.waiting);
    }
    std::string line(e.operation);
    line.append(" in ").append(codec::in_quotes(e.collection)).append(": ");
    if (e.kind == event_kind::attempt)
        line.append(e.request)
            .append(" at ")
            .append(e.host)
            .append(", attempt ")
            .append(std::to_string(e.attempt) + ": ");
    line.append(outcome(e)).append("; ").append(in_milliseconds(e.elapsed));
    if (e.kind == event_kind::operation) line.append(", requests: " + std::to_string(e.attempt));
    line.append(", " + std::to_string(e.bytes_sent) + " bytes sent, " + std::to_string(e.bytes_received)
                + " received");
    if (e.kind == event_kind::attempt) {
        line.append(e.connection_reused ? ", connection reused" : ", new connection");
        if (e.secondary) line.append(", secondary");
        if (e.retried) line.append("; retried");
        if (e.retry_delay.count() > 0) line.append(" after ").append(in_milliseconds(e.retry_delay));
        if (!e.retry_reason.empty()) line.append(e.retried ? ": " : "; ").append(e.retry_reason);
    }
    if (!e.request_id.empty()) line.append(", request id ").append(e.request_id);
    line.append(" [").append(e.client_request_id).append("]");
    return line;
}

void emit(const store_options& o, log_level level, const event& e) noexcept {
    // Exceptions of the observer or the logger must not change the result of an operation.
    if (o.observer()) {
        try {
            o.observer()(e);
        } catch (...) {
        }
    }
    if (!is_logged(o, level)) return;
    try {
        o.logger()(level, describe(e));
    } catch (...) {
    }
}

void log(const store_options& o, log_level level, std::string_view line) noexcept {
    if (!is_logged(o, level)) return;
    try {
        o.logger()(level, line);
    } catch (...) {
    }
}

} // namespace azkv::client
