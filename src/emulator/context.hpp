// What the operations of the service share.
#pragma once

#include "emulator/access.hpp"
#include "emulator/deleted_tables.hpp"
#include "emulator/entity_json.hpp"
#include "emulator/message.hpp"
#include "emulator/storage.hpp"
#include "emulator/target.hpp"

#include <azkv/value.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>

namespace azkv::emulation {

/// The environment of an operation.
class context {
public:
    service_mode mode;
    storage& db;
    const std::string& account;
    std::chrono::system_clock::time_point now;
    std::string_view host; // of the request
    std::string base_url;  // the URL of an entity up to the table, with the slash
    const grant& allowed;
    std::function<ticks()> next_timestamp;
    std::optional<std::size_t> max_rows; // per page, if below the service's limit
    deleted_tables* deleted;             // those that are still being deleted

    bool case_sensitive() const { return mode == service_mode::cosmos; }

    /// Throws `failure` (404).
    storage::table_id find_table(const std::string& name) const;
};

/// Returns whether a request creates a table or an entity: a POST that stands for no other verb, and is no
/// batch.
bool is_insert(const request&);

/// Returns whether the gateway of Cosmos DB makes errors of that status, rather than the database behind it.
bool is_of_gateway(unsigned status);

/// Returns the metadata level that `Accept` or `$format` asks for. Throws `failure` (415).
metadata read_format(const request&, const target&);

/// Returns the level in the text of `Accept`, whatever else that has.
metadata level_in(std::string_view accepted);

/// Throws `failure` (415) unless the content type is JSON.
void require_json(const request&);

/// Returns a response with a JSON body.
reply json_reply(unsigned status, std::string body, metadata, service_mode);

/// Returns whether `Prefer` asks for a response without a body. Adds the header that confirms it.
bool prefers_no_content(const request&, headers& answer);

/// Adds the URL of what a POST has created; `segment` is its last segment.
void add_location(reply&, const context&, const std::string& segment);

/// The ETag: `W/"datetime'2026-01-02T03%3A04%3A05.1234567Z'"`
std::string etag(ticks timestamp, service_mode);

std::string format_timestamp(ticks, service_mode);

/// Converts a key to a continuation token of Table Storage, such as `1!8!U21pdGg-`, and back. Reading throws
/// `failure`.
std::string write_token(std::string_view key);
std::string read_token(std::string_view token);

} // namespace azkv::emulation
