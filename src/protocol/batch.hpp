#pragma once

#include "protocol/endpoint.hpp"
#include "protocol/message.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace azkv::protocol {

// Entity group transactions:
// https://learn.microsoft.com/rest/api/storageservices/performing-entity-group-transactions

inline constexpr std::size_t max_batch_operations = 100;

/// The largest `$batch` body that the service takes.
constexpr std::size_t max_batch_bytes(service_mode mode) {
    return mode == service_mode::storage ? std::size_t{4} << 20 : std::size_t{2'000'000};
}

/// Collects upserts into the body of one `$batch` request.
class batch_builder {
public:
    /// `id` is unique text for the boundaries: a UUID.
    batch_builder(const endpoint& at, std::string id);

    /// Of the whole body, in bytes.
    std::size_t size() const;

    /// What `add` would add to it, for a path and an entity that are `text` bytes together.
    std::size_t size_of(std::size_t text) const;

    /// Makes room for a body of that size: growing would copy it.
    void reserve(std::size_t size);

    void add(std::string_view path, std::string_view entity);

    std::size_t operations() const { return operations_; }

    request release();

private:
    std::string id_;
    std::string head_; // of an operation, up to the path
    std::string body_;
    std::size_t operations_ = 0;
};

/// Looks into the answer to a `$batch`: one in which an operation failed becomes the response to that
/// operation (its status, error and index), so that it is treated as any other. Success stays the 202 that
/// it is. Throws `azkv::error` (errc::bad_response) if it is not the answer to `operations` operations.
response unwrap_batch(response r, std::size_t operations);

} // namespace azkv::protocol
