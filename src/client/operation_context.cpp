#include "client/operation_context.hpp"

#include "net/transport.hpp"
#include "protocol/service_error.hpp"
#include "client/clock_trouble.hpp"
#include "client/telemetry.hpp"

#include <boost/asio/error.hpp>

#include <algorithm>
#include <functional>
#include <utility>

namespace azkv {

namespace {

// Texts of the network, which are shown to people.
std::string printable(std::string_view text) {
    constexpr std::size_t longest = 100;
    std::string shown(text.substr(0, longest));
    std::ranges::replace_if(
        shown, [](char c) { return c <= ' ' || c > '~'; }, '?');
    return shown;
}

} // namespace

std::uint32_t operation::seed() {
    constexpr std::uint32_t apart = 0x9E37'79B9; // wherever the first one lies
    return static_cast<std::uint32_t>(std::hash<std::string_view>()(id())) + apart * calls_++;
}

void operation::sent(const protocol::request& r, const net::exchange& x, int attempt, clock::time_point began,
                     std::optional<std::chrono::milliseconds> next_after, std::string_view reason) {
    ++attempts_;
    bytes_sent_ += x.bytes_sent;
    bytes_received_ += x.bytes_received;
    // That a first token is asked for another is no trouble.
    const bool trouble = next_after && x.response.status != 401;
    const log_level level = trouble ? log_level::warning : log_level::debug;
    if (!is_watched(account_->options, level)) return;
    const std::string code = x.error || r.success.contains(x.response.status)
                                 ? std::string()
                                 : printable(protocol::read_error(x.response).code);
    const std::string request_id = printable(x.response.request_id);
    event e;
    begin(e, event_kind::attempt);
    e.error = x.error;
    e.elapsed = clock::now() - began;
    e.bytes_sent = x.bytes_sent;
    e.bytes_received = x.bytes_received;
    e.attempt = attempt;
    e.request = r.name;
    e.host = x.to->host;
    e.secondary = x.to != &account_->endpoint.at;
    e.status = x.error ? 0 : x.response.status;
    e.service_code = code;
    e.request_id = request_id;
    e.connection_reused = x.connection_reused;
    e.paced = x.paced;
    e.waited = x.waited;
    e.retried = next_after.has_value();
    e.retry_delay = next_after.value_or(std::chrono::milliseconds(0));
    e.retry_reason = reason;
    tell(account_->options, level, e);
    require_own_process(); // those who watch may have forked
}

void operation::tell_pace(const pacing::summary& s) {
    const log_level level = s.rate == 0 ? log_level::info : log_level::warning;
    if (!is_watched(account_->options, level)) return;
    event e;
    begin(e, event_kind::pace);
    e.collection = s.partition;
    e.rate = s.rate;
    e.waiting = s.waiting;
    e.pause = s.pause;
    tell(account_->options, level, e);
    require_own_process(); // those who watch may have forked
}

void operation::tell_overload(const net::overload& o) {
    if (!is_watched(account_->options, log_level::warning)) return;
    event e;
    begin(e, event_kind::overload);
    e.waiting = o.waiting;
    e.connections = o.connections;
    e.lost = o.lost;
    e.refused = o.refused;
    tell(account_->options, log_level::warning, e);
    require_own_process(); // those who watch may have forked
}

void operation::end(boost::system::error_code ec, const diagnostics& details) {
    const bool failed = ec && ec != boost::asio::error::operation_aborted;
    const log_level level = failed ? log_level::error : log_level::debug;
    if (!is_watched(account_->options, level)) return;
    event e;
    begin(e, event_kind::operation);
    e.error = ec;
    e.elapsed = clock::now() - began_;
    e.bytes_sent = bytes_sent_;
    e.bytes_received = bytes_received_;
    e.attempt = attempts_;
    const std::string code = printable(details.service_code);
    const std::string request_id = printable(details.request_id);
    e.status = static_cast<unsigned>(details.status);
    e.service_code = code;
    e.request_id = request_id;
    tell(account_->options, level, e);
}

void operation::abort() {
    if (!in_parts_) end(boost::asio::error::operation_aborted);
}

void operation::fail(boost::system::error_code code, const std::string& why, diagnostics details) {
    throw failure(about_, code, why, std::move(details));
}

error operation::failure(const answer& a, const std::string* key) {
    subject about = about_;
    if (key) about.key = key;
    const char* const unknown = a.maybe_applied ? maybe_applied_text : "";
    diagnostics details;
    details.outcome_unknown = a.maybe_applied;
    if (a.error) return failure(about, a.error, a.why + unknown, std::move(details));

    const protocol::response& r = a.response;
    protocol::service_error said = protocol::read_error(r);
    const errc code = protocol::classify(r, said);
    details.status = static_cast<int>(r.status);
    details.service_code = std::move(said.code);
    details.server_message = std::move(said.message);
    details.request_id = r.request_id;
    const std::string status = "HTTP " + std::to_string(r.status);
    const bool foreign = details.service_code.empty() || (code == errc::bad_response && !said.own_words);
    const char* const whose = foreign ? ", not in the words of a table service: perhaps a proxy's" : "";
    return failure(about, code,
                   make_error_code(code).message() + " (" + status + whose + ')'
                       + clock_trouble(r, account_->signer.get(), std::chrono::system_clock::now())
                       + a.tries + unknown,
                   std::move(details));
}

error operation::failure(const subject& about, boost::system::error_code code, const std::string& why,
                         diagnostics details) {
    if (!in_parts_) end(code, details);
    return about.failure(code, why, std::move(details));
}

// What all its events have in common.
void operation::begin(event& e, event_kind kind) const {
    e.kind = kind;
    e.operation = about_.operation;
    e.collection = about_.collection;
    e.client_request_id = id();
    const auto line = trace_.substr(0, trace_.find('\r')); // `traceparent: ..`, the first of the headers
    e.traceparent = line.substr(std::min(line.find(' ') + 1, line.size()));
}

} // namespace azkv
