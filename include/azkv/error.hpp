#pragma once

#include <azkv/config.hpp>

#include <boost/system/error_code.hpp>
#include <boost/system/error_condition.hpp>
#include <boost/system/system_error.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <vector>

namespace azkv {

/// Error codes of the library. Failures of the network itself carry a code of Asio, OpenSSL or the operating
/// system instead; `condition` groups both. Converts to `std::error_code`, too, as every Boost code does.
enum class errc {
    invalid_argument = 1,      ///< refused before anything was sent
    invalid_connection_string, ///< refused before anything was sent
    insecure_transport,        ///< credentials would be sent over plain HTTP to another machine
    too_large,                 ///< beyond a limit of the service; found locally, or by the service (413)
    rejected,                  ///< the service refused the request (400 and other 4xx, 501)
    unauthorized,              ///< 401: missing or unusable credentials
    forbidden,                 ///< 403: wrong signature, expired, or not permitted
    not_found,                 ///< the service reported 404, and absence is an error for this operation
    conflict,                  ///< 409 in the service's own words
    precondition_failed,       ///< 412 in the service's own words
    throttled,     ///< refused with 429 or 503 `ServerBusy` until the deadline passed, or once if only one
                   ///< attempt is allowed
    server_error,  ///< 5xx that persisted through the retries
    bad_response,  ///< the response is malformed, or is not the service's response to this request
    timed_out,     ///< a deadline passed, or was too near to begin; see `error::outcome_unknown`
    type_mismatch, ///< a value does not fit the requested type
    credential_unavailable, ///< a token credential is not set up here; a chain continues with its next one
    authentication_failed,  ///< no token: the authority, or the tool that should issue one, refused
    proxy_failed,           ///< the proxy did not connect to the service
    closed,     ///< the store was closed; for an operation that was aborted see `error::outcome_unknown`
    forked,     ///< the store, or the query, belongs to the parent process
    contended,  ///< `update` lost its race to other writers until the deadline; nothing was written
    overloaded, ///< not sent: `store_options::max_waiting` calls are already waiting; pause, then try again
};

/// Groups of error codes to handle alike: `if (e.code() == azkv::condition::throttled)`. A code may match
/// several conditions. errc::bad_response and errc::closed match none. Conditions without a comment match the
/// code of the same name only.
enum class condition {
    not_found = 1,
    conflict,
    precondition_failed,
    throttled,
    unauthorized, ///< unauthorized, forbidden, credential_unavailable, authentication_failed
    transient,    ///< the same call may succeed later: throttled, server_error, timed_out, overloaded,
                  ///< contended, lost connections
    too_large,
    invalid_argument, ///< the caller must change the call, the options or the environment: invalid_argument,
                      ///< invalid_connection_string, insecure_transport, too_large, rejected, proxy_failed,
                      ///< forked
    timed_out,        ///< timed_out, and `boost::asio::error::timed_out`
    type_mismatch,
};

AZKV_DECL const boost::system::error_category& error_category() noexcept;
AZKV_DECL const boost::system::error_category& condition_category() noexcept;

inline boost::system::error_code make_error_code(errc e) noexcept {
    return {static_cast<int>(e), error_category()};
}

inline boost::system::error_condition make_error_condition(condition c) noexcept {
    return {static_cast<int>(c), condition_category()};
}

/// Details of a failure, mostly from the service. Text from the network is untrusted: show it, log it if you
/// trust your logs, but do not act on it.
class AZKV_DECL diagnostics {
public:
    diagnostics() {}

    int status = 0;             ///< HTTP status; 0 when no response arrived
    std::string service_code;   ///< such as `TableNotFound`; may be empty
    std::string server_message; ///< may be empty
    std::string request_id; ///< the service's `x-ms-request-id`, to quote to its support team; may be empty
    std::string key;        ///< the caller's key that the failure concerns; may be empty
    bool outcome_unknown = false; ///< a failed write may have been applied, or may yet be
};

/// The exception for every failure of the library. `what()` says in one line which operation on which key
/// failed and why, without secrets and without text from the server. Cancellation is not such a failure: like
/// every Asio operation, a cancelled one completes with `boost::asio::error::operation_aborted`, in a
/// `boost::system::system_error`.
class AZKV_DECL error : public boost::system::system_error {
public:
    error(boost::system::error_code code, std::string what, diagnostics details = {});
    ~error() override;

    const char* what() const noexcept override { return what_->c_str(); }

    /// Returns all details, from which another error can be built.
    const diagnostics& details() const noexcept { return *details_; }

    /// Returns the HTTP status, or 0 when no response arrived.
    int status() const noexcept { return details_->status; }

    /// Returns the service's own code for the failure, such as `TableNotFound`; empty if it sent none.
    const std::string& service_code() const noexcept { return details_->service_code; }

    /// Returns the service's own message. Untrusted text.
    const std::string& server_message() const noexcept { return details_->server_message; }

    /// Returns the service's `x-ms-request-id`, to quote to its support team; empty if it sent none.
    const std::string& request_id() const noexcept { return details_->request_id; }

    /// Returns the key that failed, also if it was one of many in `put_all`.
    const std::string& key() const noexcept { return details_->key; }

    /// Returns true if a failed write may have been applied nevertheless: the response was lost, was one
    /// after which the service may have continued (408, 5xx except 501, including `ServerBusy`), or was not
    /// understood. Returns false if the write was not applied (a 4xx other than 408 counts as a refusal,
    /// whether it came from the service or an intermediary), or if the operation was a read. The same rule
    /// applies to a write that `close` aborted. A cancelled write does not report this: treat its outcome as
    /// unknown.
    /// (https://learn.microsoft.com/rest/api/storageservices/setting-timeouts-for-table-service-operations)
    bool outcome_unknown() const noexcept { return details_->outcome_unknown; }

private:
    std::shared_ptr<const std::string> what_; // shared: copying an exception must not throw
    std::shared_ptr<const diagnostics> details_;
};

/// Lists the keys that a `put_all` failed to write, or may have failed to. All pairs whose keys are in
/// neither list were written. `code()` and `details()` are those of the first transaction that failed;
/// `outcome_unknown()` is true if `unknown()` lists any key.
class AZKV_DECL put_all_error : public error {
public:
    put_all_error(const error& first, std::string what, std::vector<std::string> not_written,
                  std::vector<std::string> unknown);
    ~put_all_error() override;

    /// Returns the keys that were certainly not written, in the order of the pairs.
    const std::vector<std::string>& not_written() const noexcept { return lists_->not_written; }

    /// Returns the keys that may or may not have been written. Either all keys of a transaction were
    /// written, or none.
    const std::vector<std::string>& unknown() const noexcept { return lists_->unknown; }

private:
    class lists {
    public:
        lists() {}

        std::vector<std::string> not_written;
        std::vector<std::string> unknown;
    };

    std::shared_ptr<const lists> lists_;
};

} // namespace azkv

template <>
struct boost::system::is_error_code_enum<azkv::errc> : std::true_type {};

template <>
struct boost::system::is_error_condition_enum<azkv::condition> : std::true_type {};

template <>
struct std::is_error_code_enum<azkv::errc> : std::true_type {};

template <>
struct std::is_error_condition_enum<azkv::condition> : std::true_type {};
