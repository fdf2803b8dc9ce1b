// Requests to the table service and its responses, as values. No I/O.
#pragma once

#include "protocol/applied.hpp"
#include "protocol/service_error.hpp"
#include "support/short_text.hpp"

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace azkv::protocol {

/// The statuses with which the service confirms a request. Any other status is a failure, or the response of
/// an intermediary such as a proxy, a login page or a cache.
class success_statuses {
public:
    constexpr success_statuses() {}

    constexpr explicit success_statuses(unsigned only) : one_(only), other_(only) {}

    constexpr success_statuses(unsigned one, unsigned other) : one_(one), other_(other) {}

    constexpr bool contains(unsigned status) const {
        return status != 0 && (status == one_ || status == other_);
    }

private:
    unsigned one_ = 0;
    unsigned other_ = 0;
};

class lost_write;

/// What a request reads or changes.
enum class effect {
    reads,
    changes_tables,
    changes_entities,
};

/// A request to the table service, without what differs between attempts (date, signature) and between
/// accounts (host, base path).
class request {
public:
    request() {}

    std::string_view name;    // a literal, for events: "put entity"
    std::string_view method;  // a literal
    std::string path;         // after the base path, percent-encoded: `/T(PartitionKey='p',RowKey='r')`
    std::string query;        // percent-encoded, without the `?`
    std::string content_type; // empty: no body
    std::string if_match;     // empty: no such header
    std::string_view prefer;  // a literal; empty: no such header
    std::string body;
    success_statuses success;
    protocol::effect effect = effect::reads;
    protocol::idempotency idempotency = idempotency::never;
    std::string table;              // created if a write finds it missing; empty: never created
    bool is_continuation = false;   // a page of a listing after the first
    bool only_primary = false;      // a read that needs the newest state
    bool is_dated = false;          // the date of its response matters
    std::string partition;          // of its entities, as stored; empty: the store's
    lost_write* resolver = nullptr; // of a conditional write; must outlive the call
    std::size_t batch_size = 0;     // operations in a `$batch`; 0 for every other request
};

/// A response, with the headers that azkv reads.
class response {
public:
    response() {}

    unsigned status = 0;
    std::string request_id;
    support::short_text etag;
    std::string error_code; // x-ms-error-code
    std::optional<std::string> next_partition_key;
    std::optional<std::string> next_row_key;
    std::string retry_after_ms; // from either of the two headers in milliseconds
    std::string retry_after;    // seconds, or a date
    std::string date;           // kept only if the response is or may contain a failure, or if `is_dated`
    bool is_dated = false;
    std::string challenge;                       // WWW-Authenticate; several headers are joined by commas
    std::optional<std::size_t> failed_operation; // its index in a batch, if known
    std::string body;

    /// Returns the error that a failed response reports. The first call parses the body, which must not
    /// change afterwards; so a response must not be shared between threads.
    const service_error& error() const {
        if (!error_) error_ = std::make_shared<const service_error>(read_error(*this));
        return *error_;
    }

    /// Returns the error's code if the body is in the service's own format; otherwise an empty one. A status
    /// alone, a header alone or the page of a proxy proves nothing.
    std::string_view own_code() const {
        return error().own_words ? std::string_view(error().code) : std::string_view();
    }

    /// Stores a header if it is one of those above. Precondition: the status is set.
    void keep_header(std::string_view name, std::string_view text);

private:
    mutable std::shared_ptr<const service_error> error_; // small, because most responses report none
};

} // namespace azkv::protocol
