// Batches: builds the body of a `$batch` request and reads its response. No I/O.
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

/// Returns the size of the largest `$batch` body that the service accepts.
constexpr std::size_t max_batch_bytes(service_mode mode) {
    return mode == service_mode::storage ? std::size_t{4} << 20 : std::size_t{2'000'000};
}

/// Collects upserts into the body of one `$batch` request.
class batch_builder {
public:
    /// `id` makes the boundaries unique: a UUID.
    batch_builder(const endpoint& at, std::string id);

    /// Returns the size of the whole body, in bytes.
    std::size_t size() const;

    /// Returns by how much `add` increases the size for a path and an entity of `text` bytes together.
    std::size_t operation_size(std::size_t text) const;

    /// Reserves memory for a body of that size, so that it is not copied as it grows.
    void reserve(std::size_t size);

    void add(std::string_view path, std::string_view entity);

    std::size_t operations() const { return operations_; }

    /// Returns the complete request. The builder cannot be used afterwards.
    request release();

private:
    std::string id_;
    std::string head_; // of an operation, up to the path
    std::string body_;
    std::size_t operations_ = 0;
};

/// Returns the response to a `$batch`. If an operation in it failed, this is the response to that operation
/// (its status, error and index), so that it is treated like any other; otherwise the 202 itself. Throws
/// `azkv::error` (errc::bad_response) unless it is a response to `operations` operations.
response unwrap_batch(response r, std::size_t operations);

} // namespace azkv::protocol
