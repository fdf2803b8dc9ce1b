#pragma once

#include <azkv/config.hpp>

#include <string>
#include <utility>

namespace azkv {

/// The version of a row: an opaque text of the service, to be given back as it is. Two versions of a row
/// never have the same one.
/// (https://learn.microsoft.com/rest/api/storageservices/performing-entity-group-transactions)
class AZKV_DECL etag {
public:
    /// Creates none. Explicit, so that `{}` does not become a version by mistake.
    explicit etag() {}

    /// Creates one from its text, for example from an HTTP header `If-Match`.
    explicit etag(std::string text) : text_(std::move(text)) {}

    const std::string& text() const noexcept { return text_; }

    bool empty() const noexcept { return text_.empty(); }

    friend bool operator==(const etag&, const etag&) noexcept = default;

private:
    std::string text_;
};

} // namespace azkv
