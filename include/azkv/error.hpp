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

/// What went wrong. Failures of the network itself carry the code of Asio, OpenSSL or the system instead;
/// `condition` groups both. Also a `std::error_code`, as every code of Boost is.
enum class errc {
    invalid_argument = 1,      ///< refused before anything was sent
    invalid_connection_string, ///< refused before anything was sent
    insecure_transport,        ///< credentials would have gone over plain HTTP to another machine
    too_large,                 ///< beyond a limit of the service; found here, or by the service (413)
    rejected,                  ///< the service did not accept the request (400 and other 4xx, 501)
    unauthorized,              ///< 401: no, or unusable, credentials
    forbidden,                 ///< 403: wrong signature, expired, or not permitted
    not_found,                 ///< 404 in the service's own words, where absence is no answer
    conflict,                  ///< 409, likewise
    precondition_failed,       ///< 412, likewise
    throttled,     ///< 429, or 503 `ServerBusy`: still so when the time, or the one attempt, was over
    server_error,  ///< 5xx: still so after the retries
    bad_response,  ///< the answer was not understood, or is not the service's to this request
    timed_out,     ///< a deadline passed, or was too near to begin; see `error::outcome_unknown`
    type_mismatch, ///< a value does not fit the type that was asked for
    credential_unavailable, ///< a source of tokens is not set up here; a chain goes on to its next
    authentication_failed,  ///< no token: the authority, or the tool that should give one, refused
    proxy_failed,           ///< the proxy does not lead to the service
    closed,                 ///< the store was closed; what was under way may or may not have been applied
    forked,                 ///< the store, or the query, belongs to the parent of this process
    overloaded, ///< not sent: `store_options::max_waiting` calls wait already; pause, then try again
};

/// Groups of errors to decide by: `if (e.code() == azkv::condition::throttled)`.
enum class condition {
    not_found = 1,
    conflict,
    precondition_failed,
    throttled,
    unauthorized, ///< errc::unauthorized, errc::forbidden, or no token to be had
    transient,    ///< the same call may succeed later: throttled, server_error, timed_out, overloaded, lost
                  ///< connections
    too_large,
    invalid_argument, ///< the caller must change the call, the options or the connection string
    timed_out,
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

/// What the service said of a failure. All of it but `status` is text from the network: show it, log it if
/// you trust your logs, but do not act on it.
class AZKV_DECL diagnostics {
public:
    diagnostics() {}

    int status = 0;               ///< HTTP status; 0 when no response arrived
    std::string service_code;     ///< such as `TableNotFound`; may be empty
    std::string server_message;   ///< may be empty
    std::string request_id;       ///< the service's `x-ms-request-id`, to quote to its support; may be empty
    std::string key;              ///< the caller's key that the failure belongs to; may be empty
    bool outcome_unknown = false; ///< a write that may have been applied all the same, or may yet be
};

/// Every failure of the library. `what()` says which operation on which key failed and why, in one line,
/// without secrets and without text from the server. A cancelled operation instead completes as every Asio
/// operation does, with `boost::asio::error::operation_aborted` in a `boost::system::system_error`.
class AZKV_DECL error : public boost::system::system_error {
public:
    error(boost::system::error_code code, std::string what, diagnostics details = {});
    ~error() override;

    const char* what() const noexcept override { return what_->c_str(); }

    /// All that is known, to build another error from.
    const diagnostics& details() const noexcept { return *details_; }

    /// HTTP status; 0 when no response arrived.
    int status() const noexcept { return details_->status; }

    /// The service's own code for the failure, such as `TableNotFound`; empty if it gave none.
    const std::string& service_code() const noexcept { return details_->service_code; }

    /// The service's own words. Untrusted text.
    const std::string& server_message() const noexcept { return details_->server_message; }

    const std::string& request_id() const noexcept { return details_->request_id; }

    /// The key that failed, also when it was one of many in `put_all`.
    const std::string& key() const noexcept { return details_->key; }

    /// Whether a write failed in such a way that it may have been applied all the same: the answer was lost,
    /// was one after which the service may have gone on (408, 5xx except 501, also `ServerBusy`), or was not
    /// understood. False: the write was not applied (a 4xx other than 408 counts as a refusal, whoever sent
    /// it), or the operation was a read.
    /// (https://learn.microsoft.com/rest/api/storageservices/setting-timeouts-for-table-service-operations)
    bool outcome_unknown() const noexcept { return details_->outcome_unknown; }

private:
    std::shared_ptr<const std::string> what_; // shared: copying an exception must not throw
    std::shared_ptr<const diagnostics> details_;
};

/// What `put_all` could not do. All pairs whose keys are in neither list are written. `code()` and the
/// diagnostics are those of the first transaction that failed; `outcome_unknown()` tells whether there are
/// keys of the second kind.
class AZKV_DECL put_all_error : public error {
public:
    put_all_error(const error& first, std::string what, std::vector<std::string> not_written,
                  std::vector<std::string> unknown);
    ~put_all_error() override;

    /// The keys that were certainly not written, in the order of the pairs.
    const std::vector<std::string>& not_written() const noexcept { return lists_->not_written; }

    /// The keys that may or may not have been written: those of one transaction all or none.
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
