#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace azkv::identity {

/// What of a request takes part in its authorization.
class signing_input {
public:
    signing_input() {}

    std::string_view method;
    std::string_view content_type; // empty: no such header
    std::string_view target;       // path and query, as on the wire
};

/// Proves the right to make a request. Safe to share between threads.
class request_signer {
public:
    virtual ~request_signer() = default;

    /// To be appended to the query of every request; empty if nothing is.
    virtual std::string_view query() const { return {}; }

    /// When it ceases to be one, as far as it tells itself.
    virtual std::optional<std::chrono::sys_seconds> expiry() const { return std::nullopt; }

    /// Appends the headers that depend on the request and on the time, each with its line end.
    virtual void append_headers(std::string& head, const signing_input& request,
                                std::chrono::system_clock::time_point now) const = 0;

    /// One with the same credentials that shares nothing that changes with this.
    virtual std::shared_ptr<const request_signer> copy() const = 0;
};

} // namespace azkv::identity
