#pragma once

#include "emulator/access.hpp"
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

/// What an operation needs to know beside itself.
class context {
public:
    service_mode mode;
    storage& db;
    const std::string& account;
    std::chrono::system_clock::time_point now;
    std::string base_url; // what stands before the table in the URL of an entity, with the slash
    const grant& allowed;
    std::function<ticks()> next_timestamp;
    std::optional<std::size_t> max_rows; // of a page, if not the service's own limit

    bool case_sensitive() const { return mode == service_mode::cosmos; }

    /// Throws `failure` (404 TableNotFound).
    storage::table_id find_table(const std::string& name) const;
};

/// What the answer is to tell, by `Accept` or `$format`. Throws `failure` (415).
metadata read_format(const request&, const target&);

/// Throws `failure` (415) if the body says that it is anything but JSON.
void require_json(const request&);

/// An answer with a JSON body.
reply json_reply(unsigned status, std::string body, metadata, service_mode);

/// Whether `Prefer` asks for an answer without a body; adds the header that says so.
bool prefers_no_content(const request&, headers& answer);

/// `W/"datetime'2026-01-02T03%3A04%3A05.1234567Z'"`
std::string etag(ticks timestamp, service_mode);

std::string format_timestamp(ticks, service_mode);

/// The continuation token of Table Storage: `1!8!U21pdGg-`; and what it stands for. Reading throws `failure`.
std::string write_token(std::string_view key);
std::string read_token(std::string_view token);

} // namespace azkv::emulation
