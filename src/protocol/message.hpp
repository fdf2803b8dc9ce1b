#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace azkv::protocol {

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
    std::string challenge;                       // WWW-Authenticate; several are joined by commas
    std::optional<std::size_t> failed_operation; // of a batch: its index, if it is known
    std::string body;

    bool ok() const { return status >= 200 && status < 300; }

    /// Takes a header, if it is one of those above.
    void keep_header(std::string_view name, std::string_view text);
};

} // namespace azkv::protocol
