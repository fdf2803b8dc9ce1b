// Authorization: the interface by which requests are signed. No I/O.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace azkv::identity {

/// The parts of a request that its authorization covers.
class signing_input {
public:
    signing_input() {}

    std::string_view method;
    std::string_view content_type; // empty: no such header
    std::string_view target;       // path and query, as on the wire
};

/// Authorizes requests. Safe to share between threads.
class request_signer {
public:
    virtual ~request_signer() = default;

    /// Returns what the query of every request ends with; empty for nothing.
    virtual std::string_view query() const { return {}; }

    /// Returns the time when the credentials expire, if they say so.
    virtual std::optional<std::chrono::sys_seconds> expiry() const { return std::nullopt; }

    /// Appends the authorization headers of `request` at `now`, each with its line end.
    virtual void append_headers(std::string& head, const signing_input& request,
                                std::chrono::system_clock::time_point now) const = 0;

    /// Creates a signer with the same credentials. The two share nothing that changes.
    virtual std::shared_ptr<const request_signer> copy() const = 0;
};

} // namespace azkv::identity
