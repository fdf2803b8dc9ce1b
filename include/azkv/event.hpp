#pragma once

#include <azkv/config.hpp>

#include <boost/system/error_code.hpp>

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

namespace azkv {

/// What an `event` reports.
enum class event_kind {
    attempt,   ///< one request was sent, and was answered or lost
    operation, ///< an operation ended, or fetching a page of a query failed
    overload,  ///< calls were not begun, as too many wait for a connection; at most once a second
    pace,      ///< a partition's throttling began, continued at another pace, or ended
};

/// A report on a store's work, passed to the observer (`store_options::observer`).
///
/// - Attempt: after each request.
/// - Operation: when it has ended. Exceptions: a query abandoned before its last page (read-ahead may report
///   it as cancelled), and an operation cancelled before or between its requests.
/// - Overload: at most once a second, by a call that was not begun. Calls lost or refused after that are
///   counted in the next report.
/// - Pace: when a partition of a collection is first throttled, each time it is throttled again after
///   requests were accepted, and when calls have not had to wait for a second in any partition of the
///   collection. One of the next calls reports the last case. The event names the collection, not the
///   partition.
///
/// Overload and pace carry the operation and the ids of the call that reports them, and nothing else about
/// that call. No event contains keys, values, filters or credentials.
///
/// Lifetime: an event is valid during the call of the observer; copy what you keep.
class AZKV_DECL event {
public:
    using duration = std::chrono::steady_clock::duration;

    event() {}

    event(const event&) = delete;
    event& operator=(const event&) = delete;

    event_kind kind = event_kind::attempt;
    std::string_view operation; ///< "put", "put_all", "insert", "replace", "update", "get", "get_entry",
    ///< "get_all", "query", "erase"
    std::string_view collection;        ///< as the caller wrote it
    std::string_view client_request_id; ///< one per operation, sent with all its requests
    std::string_view traceparent;       ///< from `store::with_traceparent`; may be empty
    /// For an attempt, the network error: success if any response arrived, whatever its status. For an
    /// operation, the error its caller received; `boost::asio::error::operation_aborted` if it was cancelled.
    boost::system::error_code error;
    duration elapsed{0};        ///< including all waiting; for a query also the caller's time between pages
    std::size_t bytes_sent = 0; ///< of HTTP, without TLS
    std::size_t bytes_received = 0; ///< of HTTP, without TLS
    /// For an attempt, its number, from 1 for each request; a request repeated with another token keeps its
    /// number. For an operation, the number of all its attempts.
    int attempt = 0;

    // For attempts and failed operations.
    unsigned status = 0;           ///< HTTP status; for a batch that of the failed part; 0: no response
    std::string_view service_code; ///< such as `TableNotFound`; printable ASCII
    std::string_view request_id;   ///< the service's; printable ASCII

    // For attempts only.
    std::string_view
        request; ///< "put entity", "insert entity", "replace entity", "verify write" (after a lost response),
                 ///< "get entity", "delete entity", "query entities", "batch", "create table"
    std::string_view host;  ///< the host that the request was sent to, without the port
    bool secondary = false; ///< sent to the secondary endpoint
    /// The connection came from the pool. Replacing a closed one causes no event.
    bool connection_reused = false;
    duration paced{0};             ///< time spent waiting for its turn at a throttled partition
    duration waited{0};            ///< time spent waiting for a free connection, not for opening one
    bool retried = false;          ///< another attempt follows
    duration retry_delay{0};       ///< pause before it; 0: at once, or when its turn comes
    std::string_view retry_reason; ///< why another attempt follows, or why none does although it might help

    // For overload and pace.
    std::size_t waiting = 0; ///< calls that wait for a connection, or for their turn at the partition

    // For pace only.
    /// Entities per second that are sent next, a read counting as one. It grows as long as the service
    /// accepts them. The first rate is an estimate, 1,800. 0: unlimited.
    double rate = 0;
    duration pause{0}; ///< until the next request is sent

    // For overload only.
    std::size_t connections = 0; ///< `store_options::max_connections`
    std::size_t lost = 0;        ///< calls that had too little time left, since the last report
    std::size_t refused = 0;     ///< calls that found too many waiting, since the last report
};

/// Severity of a log line.
enum class log_level {
    error,   ///< an operation failed
    warning, ///< an attempt failed and is retried; overload; a partition is throttled
    info,    ///< a store was closed; a partition is no longer throttled
    debug,   ///< every attempt and every operation
};

} // namespace azkv
