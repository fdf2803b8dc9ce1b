#include "client/operation_context.hpp"

#include "async/fork_watch.hpp"
#include "client/clock_trouble.hpp"
#include "client/telemetry.hpp"
#include "codec/names.hpp"
#include "net/transport.hpp"

#include <boost/asio/error.hpp>

#include <algorithm>
#include <functional>
#include <utility>

namespace azkv::client {

namespace {

constexpr char maybe_applied_text[] = "; it may have been applied nevertheless";

// Makes text from the network safe to print.
std::string printable(std::string_view text) {
    constexpr std::size_t longest = 100;
    std::string shown(text.substr(0, longest));
    std::ranges::replace_if(
        shown, [](char c) { return c <= ' ' || c > '~'; }, '?');
    return shown;
}

} // namespace

operation_context::operation_context(const store_core& core, operation_label label, failure_of calls)
    : core_(core), service_(*core.sender->service()), process_(*core.sender->process()), label_(label),
      id_(core.sender->new_id()), calls_fail_(calls) {}

std::string operation_context::table() const {
    return codec::table_name(label_.collection, service_.options.naming());
}

std::uint32_t operation_context::seed() {
    constexpr std::uint32_t apart =
        0x9E37'79B9; // 2^32 / golden ratio: keeps the seeds of one operation far apart
    return static_cast<std::uint32_t>(std::hash<std::string_view>()(id())) + apart * calls_++;
}

void operation_context::report_attempt(const protocol::request& r, const net::exchange& x,
                                       const call_flow::verdict& v, clock::time_point began) {
    ++attempts_;
    bytes_sent_ += x.bytes_sent;
    bytes_received_ += x.bytes_received;
    const bool trouble = v.next_after && !v.challenged;
    const log_level level = trouble ? log_level::warning : log_level::debug;
    if (!is_observed(service_.options, level)) return;
    const std::string code =
        x.error || r.success.contains(x.response.status) ? std::string() : printable(x.response.error().code);
    const std::string request_id = printable(x.response.request_id);
    event e;
    set_common(e, event_kind::attempt);
    e.error = x.error;
    e.elapsed = clock::now() - began;
    e.bytes_sent = x.bytes_sent;
    e.bytes_received = x.bytes_received;
    e.attempt = v.attempt;
    e.request = r.name;
    e.host = x.to->host;
    e.secondary = x.to != &service_.endpoint.at;
    e.status = x.error ? 0 : x.response.status;
    e.service_code = code;
    e.request_id = request_id;
    e.connection_reused = x.connection_reused;
    e.paced = x.paced;
    e.waited = x.waited;
    e.retried = v.next_after.has_value();
    e.retry_delay = v.next_after.value_or(std::chrono::milliseconds(0));
    e.retry_reason = v.reason;
    emit(level, e);
}

void operation_context::report_pace(const pacing::summary& s) {
    const log_level level = s.rate == 0 ? log_level::info : log_level::warning;
    if (!is_observed(service_.options, level)) return;
    event e;
    set_common(e, event_kind::pace);
    e.collection = s.collection;
    e.rate = s.rate;
    e.waiting = s.waiting;
    e.pause = s.pause;
    emit(level, e);
}

void operation_context::report_overload(const net::overload& o) {
    if (!is_observed(service_.options, log_level::warning)) return;
    event e;
    set_common(e, event_kind::overload);
    e.waiting = o.waiting;
    e.connections = o.connections;
    e.lost = o.lost;
    e.refused = o.refused;
    emit(log_level::warning, e);
}

void operation_context::end(boost::system::error_code ec, const diagnostics& details) {
    const bool failed = ec && ec != boost::asio::error::operation_aborted;
    const log_level level = failed ? log_level::error : log_level::debug;
    if (!is_observed(service_.options, level)) return;
    event e;
    set_common(e, event_kind::operation);
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
    client::emit(service_.options, level, e);
}

void operation_context::abort() {
    if (calls_fail_ == failure_of::operation) end(boost::asio::error::operation_aborted);
}

void operation_context::fail(boost::system::error_code code, const std::string& why, diagnostics details) {
    throw failure(label_, code, why, std::move(details));
}

void operation_context::fail_closed() {
    fail(errc::closed, make_error_code(errc::closed).message());
}

void operation_context::fail_forked() {
    fail(errc::forked, std::string(async::fork_advice));
}

std::exception_ptr operation_context::exception_for(const call_result& result, const std::string* key) {
    operation_label label = label_;
    if (key) label.key = key;
    diagnostics details;
    details.outcome_unknown = result.applied != protocol::applied::no;
    const char* const unknown = details.outcome_unknown ? maybe_applied_text : "";
    std::string why = result.creating_table ? "creating the table: " : "";
    if (result.error)
        return std::make_exception_ptr(
            failure(label, result.error, why + result.why + unknown, std::move(details)));

    const protocol::response& r = result.response;
    const protocol::service_error& said = r.error();
    const errc code = protocol::classify(r, said);
    details.status = static_cast<int>(r.status);
    details.service_code = said.code;
    details.server_message = said.message;
    details.request_id = r.request_id;
    const bool foreign = said.code.empty() || (code == errc::bad_response && !said.own_words);
    why += make_error_code(code).message() + " (HTTP " + std::to_string(r.status);
    if (foreign) why += ", not an error message of a table service: perhaps a proxy's";
    why += ')' + clock_trouble(r, service_.signer.get(), std::chrono::system_clock::now())
           + result.retry_summary;
    return std::make_exception_ptr(failure(label, code, why + unknown, std::move(details)));
}

void operation_context::rethrow(const error& e, protocol::applied outcome) const {
    diagnostics details = e.details();
    if (outcome == protocol::applied::no || details.outcome_unknown) throw;
    details.outcome_unknown = true;
    throw error(e.code(), std::string(e.what()) + maybe_applied_text, std::move(details));
}

error operation_context::failure(const operation_label& label, boost::system::error_code code,
                                 const std::string& why, diagnostics details) {
    if (calls_fail_ == failure_of::operation) end(code, details);
    return label.failure(code, why, std::move(details));
}

// Sets what all events of an operation have in common.
void operation_context::set_common(event& e, event_kind kind) const {
    e.kind = kind;
    e.operation = label_.operation;
    e.collection = label_.collection;
    e.client_request_id = id();
    const std::string_view trace = settings().trace;
    const auto line = trace.substr(0, trace.find('\r')); // `traceparent: ..`, the first of the headers
    e.traceparent = line.substr(std::min(line.find(' ') + 1, line.size()));
}

void operation_context::emit(log_level level, const event& e) {
    client::emit(service_.options, level, e);
    require_own_process(); // the observer may have forked
}

} // namespace azkv::client
