#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace azkv::protocol {

/// The statuses with which the service says that it did what was asked for. Every other one is a failure, or
/// the answer of somebody else: a proxy, a portal, a cache.
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

/// A request to the table service, without what changes from attempt to attempt (date, signature) and from
/// account to account (host, base path).
class request {
public:
    request() {}

    std::string_view name;     // a literal, for those who watch: "put entity"
    std::string_view method;   // a literal
    std::string path;          // behind the base path, percent-encoded: `/T(PartitionKey='p',RowKey='r')`
    std::string query;         // percent-encoded, without the `?`
    std::string content_type;  // empty: no body
    std::string_view if_match; // a literal; empty: none
    std::string_view prefer;   // a literal; empty: none
    std::string body;
    success_statuses success;
    bool changes_entities = false;
    bool continues = false;     // a listing
    std::size_t batch_size = 0; // operations in a `$batch`; 0 for every other request
};

/// A response, with those headers that somebody reads.
class response {
public:
    response() {}

    unsigned status = 0;
    std::string request_id;
    std::string error_code; // x-ms-error-code
    std::optional<std::string> next_partition_key;
    std::optional<std::string> next_row_key;
    std::string retry_after_ms;                  // either of the two headers in milliseconds
    std::string retry_after;                     // seconds, or a date
    std::string date;                            // of what is, or may hide, a failure
    std::string challenge;                       // WWW-Authenticate; several are joined by commas
    std::optional<std::size_t> failed_operation; // of a batch: its index, if it is known
    std::string body;

    /// Takes a header, if it is one of those above. The status must be known.
    void keep_header(std::string_view name, std::string_view text);
};

} // namespace azkv::protocol
