#include "identity/tokens/token_response.hpp"

#include "support/whole_number.hpp"
#include "support/wipe.hpp"
#include "support/wiping_memory.hpp"

#include <boost/json/parser.hpp>

#include <algorithm>
#include <cstdio>
#include <utility>

namespace azkv::identity {

namespace json = boost::json;
using std::chrono::seconds;

namespace {

constexpr std::size_t max_body = 256 * 1024;
constexpr std::int64_t max_number = 99'999'999; // of an AADSTS error

// 2200-01-01. A system clock that counts nanoseconds ends in 2262.
constexpr std::int64_t last_second = 7'258'118'400;

std::optional<std::int64_t> whole_number(std::string_view text, std::int64_t most = last_second) {
    return support::whole_number<std::int64_t>(text, 0, most);
}

wall_time at_second(std::int64_t n) {
    return wall_time(seconds(n));
}

// Limits the span, so that its sum with a time is in range.
seconds span(std::int64_t n) {
    return seconds(std::min(n, last_second / 8));
}

// A JSON object; null for any other text. Not movable, since its parts refer to its memory.
class json_body {
public:
    explicit json_body(std::string_view body) : root_(json::storage_ptr(&memory_)) {
        if (body.size() > max_body) return;
        boost::system::error_code ec;
        json::parser parser(&memory_);
        parser.reset(&memory_);
        parser.write(body.data(), body.size(), ec);
        if (ec) return;
        root_ = parser.release();
    }

    json_body(const json_body&) = delete;
    json_body& operator=(const json_body&) = delete;

    const json::object* object() const { return root_.if_object(); }

private:
    support::wiping_memory memory_;
    json::value root_;
};

class date_and_time {
public:
    int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;

    std::optional<seconds> since_1970() const {
        const auto date = std::chrono::year(year) / month / day;
        const bool ok = date.ok() && year >= 1970 && year <= 9999 && hour >= 0 && hour < 24 && minute >= 0
                        && minute < 60 && second >= 0 && second <= 60;
        if (!ok) return std::nullopt;
        return std::chrono::sys_days(date).time_since_epoch() + std::chrono::hours(hour)
               + std::chrono::minutes(minute) + seconds(second);
    }

    // Converts the hour from a clock of 12 hours, on which 12 comes before 1.
    void use_half_days(bool afternoon) {
        const bool ok = hour >= 1 && hour <= 12;
        hour = ok ? hour % 12 + (afternoon ? 12 : 0) : -1;
    }
};

// Reads `Z`, `+00:00` or `-0730`, with or without leading blanks: the offset of the local time from UTC.
std::optional<seconds> parse_offset(std::string_view text) {
    while (text.starts_with(' ')) text.remove_prefix(1);
    if (text == "Z" || text == "z") return seconds(0);
    if (text.size() < 5 || (text[0] != '+' && text[0] != '-')) return std::nullopt;
    const std::string digits = std::string(text.substr(1, 2)) + std::string(text.substr(text.size() - 2));
    const bool colon = text.size() == 6 && text[3] == ':';
    const auto n = whole_number(digits);
    if (!n || !(colon || text.size() == 5) || *n / 100 > 14 || *n % 100 > 59) return std::nullopt;
    const seconds offset(*n / 100 * 3600 + *n % 100 * 60);
    return text[0] == '-' ? -offset : offset;
}

std::optional<wall_time> parse_calendar_time(std::string text) {
    date_and_time t;
    int end = 0;
    const bool iso = std::sscanf(text.c_str(), "%4d-%2d-%2d%*1[Tt ]%2d:%2d:%2d%n", &t.year, &t.month, &t.day,
                                 &t.hour, &t.minute, &t.second, &end)
                         == 6
                     && end > 0;
    const bool american = !iso
                          && std::sscanf(text.c_str(), "%2d/%2d/%4d %2d:%2d:%2d%n", &t.month, &t.day, &t.year,
                                         &t.hour, &t.minute, &t.second, &end)
                                 == 6
                          && end > 0;
    if (!iso && !american) return std::nullopt;
    std::string_view rest = std::string_view(text).substr(static_cast<std::size_t>(end));
    if (rest.starts_with('.')) {
        const auto digits = std::min(rest.find_first_not_of("0123456789", 1), rest.size());
        rest.remove_prefix(digits);
    }
    if (american && (rest.starts_with(" AM") || rest.starts_with(" PM"))) {
        t.use_half_days(rest[1] == 'P');
        rest.remove_prefix(3);
    }
    const auto at = t.since_1970();
    const auto offset = parse_offset(rest);
    if (!at || !offset) return std::nullopt;
    const std::int64_t n = (*at - *offset).count();
    return n >= 0 && n <= last_second ? std::optional(at_second(n)) : std::nullopt;
}

std::optional<std::string_view> text_of(const json::object& o, std::string_view name) {
    const json::value* const v = o.if_contains(name);
    if (!v || !v->is_string()) return std::nullopt;
    return std::string_view(v->get_string());
}

// Reads a number or a string that holds one.
std::optional<std::int64_t> number_of(const json::object& o, std::string_view name) {
    if (const auto text = text_of(o, name)) return whole_number(*text);
    const json::value* const v = o.if_contains(name);
    if (!v) return std::nullopt;
    if (v->is_double()) { // `3599.0`
        const double d = v->get_double();
        return d >= 0 && d <= double(last_second) ? std::optional(static_cast<std::int64_t>(d))
                                                  : std::nullopt;
    }
    boost::system::error_code ec;
    const auto n = v->to_number<std::int64_t>(ec);
    return !ec && n >= 0 && n <= last_second ? std::optional(n) : std::nullopt;
}

std::optional<wall_time> expiry_of(const json::object& o, wall_time asked) {
    if (const auto n = number_of(o, "expires_on")) return at_second(*n);
    if (const auto text = text_of(o, "expires_on"))
        if (const auto at = parse_expiry(*text)) return at;
    if (const auto n = number_of(o, "expires_in")) return asked + span(*n);
    return std::nullopt;
}

[[noreturn]] void malformed(const char* why) {
    throw error(errc::bad_response, std::string("malformed token response: ") + why);
}

bool is_word(std::string_view text) {
    const auto fits = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    };
    return !text.empty() && text.size() <= 64 && std::ranges::all_of(text, fits);
}

// https://www.rfc-editor.org/rfc/rfc6749#section-5.2, and those that Entra ID adds. Any other word may repeat
// a part of the request.
bool is_known(std::string_view word) {
    constexpr std::string_view known[] = {
        "access_denied",       "consent_required",       "interaction_required",
        "invalid_client",      "invalid_grant",          "invalid_request",
        "invalid_resource",    "invalid_scope",          "invalid_tenant",
        "login_required",      "server_error",           "temporarily_unavailable",
        "unauthorized_client", "unsupported_grant_type", "unsupported_response_type",
    };
    return std::ranges::find(known, word) != std::end(known);
}

access_token make_token(std::string_view text, wall_time expiry) {
    try {
        return access_token(secret(text), expiry);
    } catch (const error&) {
        malformed("its access_token has a character that is not visible ASCII");
    }
}

} // namespace

std::optional<wall_time> parse_expiry(std::string_view text) {
    if (const auto n = whole_number(text)) return at_second(*n);
    constexpr std::string_view head = "/Date(", tail = ")/";
    if (text.starts_with(head) && text.ends_with(tail) && text.size() > head.size() + tail.size()) {
        const auto n = whole_number(text.substr(head.size(), text.size() - head.size() - tail.size()),
                                    last_second * 1000);
        return n ? std::optional(at_second(*n / 1000)) : std::nullopt;
    }
    return text.size() <= 64 ? parse_calendar_time(std::string(text)) : std::nullopt;
}

access_token read_token(protocol::response&& r, wall_time asked) {
    const wiped_string body(std::move(r.body));
    const json_body parsed(body.text);
    const json::object* const o = parsed.object();
    if (!o) malformed("it is not a JSON object");
    const auto token = text_of(*o, "access_token");
    if (!token || token->empty()) malformed("it has no access_token");
    if (!std::ranges::all_of(*token, [](char c) { return c > ' ' && c < 0x7F; }))
        malformed("its access_token has a character that is not visible ASCII");
    const auto expiry = expiry_of(*o, asked);
    if (!expiry) malformed("it does not say when the token expires");
    access_token t = make_token(*token, *expiry);
    if (const auto n = number_of(*o, "refresh_in")) t.refresh_on(std::min(asked + span(*n), *expiry));
    return t;
}

std::string token_error::summary(unsigned status) const {
    std::string text = "HTTP " + std::to_string(status);
    if (is_known(error)) text += ", " + error;
    if (number > 0) text += ", AADSTS" + std::to_string(number);
    return text;
}

token_error read_token_error(const protocol::response& r) {
    token_error e;
    const json_body parsed(r.body);
    const json::object* o = parsed.object();
    if (!o) return e;
    if (const json::value* const codes = o->if_contains("error_codes"); codes && codes->is_array())
        if (const json::array& all = codes->get_array(); !all.empty() && all[0].is_int64())
            if (const std::int64_t n = all[0].get_int64(); n > 0 && n <= max_number)
                e.number = static_cast<long>(n);
    // Service Fabric and Cloud Shell send {"error":{"code":"..","message":".."}}.
    if (const json::value* const inner = o->if_contains("error"); inner && inner->is_object())
        o = &inner->get_object();
    for (const char* name : {"error", "code"})
        if (const auto word = text_of(*o, name); word && is_word(*word) && e.error.empty()) e.error = *word;
    for (const char* name : {"error_description", "message", "Message"})
        if (const auto text = text_of(*o, name); text && e.description.empty()) e.description = *text;
    return e;
}

diagnostics diagnostics_of(const protocol::response& r) {
    token_error e = read_token_error(r);
    diagnostics details;
    details.status = static_cast<int>(r.status);
    details.service_code = e.number > 0 ? "AADSTS" + std::to_string(e.number) : e.error;
    details.server_message = std::move(e.description);
    details.request_id = r.request_id;
    return details;
}

void throw_token_error(const protocol::response& r, const std::string& sender) {
    errc code = errc::authentication_failed;
    if (r.status == 408) code = errc::timed_out;
    if (r.status == 429) code = errc::throttled;
    if (r.status >= 500) code = errc::server_error;
    throw error(code, sender + " returned no token (" + read_token_error(r).summary(r.status) + ')',
                diagnostics_of(r));
}

} // namespace azkv::identity
