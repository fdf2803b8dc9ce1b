#pragma once

#include <azkv/config.hpp>

#include <boost/system/error_code.hpp>

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

namespace azkv {

enum class event_kind {
    attempt,   ///< one request was sent, and answered or lost
    operation, ///< an operation has ended, or a page of a query could not be had: its caller has the result
    overload,  ///< calls were not begun, as too many wait for a connection; once a second at most
    pace,      ///< a collection is throttled, and how fast its calls may go on; or it no longer is
};

/// What a store reports of its work. An attempt: after each request. An operation: when it has ended, but not
/// for a query that is left before its last page (which reading ahead may report as cancelled), nor for an
/// operation that is cancelled before or between its requests. Overload: at most once a second, by a call
/// that was not begun; what is lost after that is in the next report. Pace: when a collection is first
/// throttled, each time it is throttled again after requests were accepted, and when its calls have not had
/// to wait for a second, told by the next call. These two carry the operation and the ids of
/// the call that reports, and say nothing else of it. Neither keys nor values, filters or credentials are in
/// any of them. Valid during the call of the observer; copy what is to be kept.
class AZKV_DECL event {
public:
    using duration = std::chrono::steady_clock::duration;

    event() {}

    event(const event&) = delete;
    event& operator=(const event&) = delete;

    event_kind kind = event_kind::attempt;
    std::string_view operation;         ///< "put", "put_all", "get", "get_all", "query", "erase"
    std::string_view collection;        ///< as the caller named it
    std::string_view client_request_id; ///< one for each operation, sent with all of its requests
    std::string_view traceparent;       ///< that of `store::with_traceparent`; may be empty
    /// Of an attempt that of the network: success if an answer came, whatever its status. Of an operation
    /// what its caller got; `boost::asio::error::operation_aborted` if it was cancelled.
    boost::system::error_code error;
    duration elapsed{0};            ///< with all waiting; of a query what its caller did between pages, too
    std::size_t bytes_sent = 0;     ///< of HTTP, before TLS
    std::size_t bytes_received = 0; ///< likewise
    /// Counted from 1 for each request; one that is repeated with another token keeps its number. Of an
    /// operation: how many attempts it made in all.
    int attempt = 0;

    // Of attempts, and of operations that failed.
    unsigned status = 0;           ///< HTTP status; of a batch that of the part that failed; 0: no answer
    std::string_view service_code; ///< such as `TableNotFound`; printable ASCII
    std::string_view request_id;   ///< the service's; printable ASCII

    // Of attempts only.
    std::string_view
        request; ///< "put entity", "get entity", "delete entity", "query entities", "batch", "create table"
    std::string_view host;          ///< whom it was sent to, without the port
    bool secondary = false;         ///< it went to the secondary endpoint
    bool connection_reused = false; ///< a kept one that turns out to be closed is replaced, without an event
    duration paced{0};              ///< how long it waited for its turn, at a collection that is throttled
    duration waited{0};             ///< for one of the connections to be free; not for a new one to be opened
    bool retried = false;           ///< another attempt follows
    duration retry_delay{0};        ///< after this pause; 0: at once, or when its turn comes
    std::string_view retry_reason;  ///< why, or why none follows although it might help: "no attempt is left"

    // Of an overload, and of a pace.
    std::size_t waiting = 0; ///< calls, for a connection or for their turn at the collection

    // Of a pace only.
    /// Entities a second that are let go next, a read counting as one; it grows as long as they are accepted.
    /// The first is a guess, 1,800. 0: as fast as calls come.
    double rate = 0;
    duration pause{0}; ///< until the next request is tried

    // Of an overload only.
    std::size_t connections = 0; ///< `store_options::max_connections`
    std::size_t lost = 0;        ///< calls that had too little time left, since the last report
    std::size_t refused = 0;     ///< calls that found too many waiting, since then
};

/// How important a line of the log is.
enum class log_level {
    error,   ///< an operation failed
    warning, ///< an attempt failed and is repeated; overload; a collection is throttled
    info,    ///< a store was closed; a collection is no longer throttled
    debug,   ///< every attempt and every operation
};

} // namespace azkv
