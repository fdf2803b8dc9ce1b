// Shared access signatures: the query that authorizes a request. No I/O.
#pragma once

#include "identity/tokens/request_signer.hpp"
#include "support/wipe.hpp"

#include <string>

namespace azkv::identity {

/// A shared access signature. It is sent byte for byte as it was passed: any change would invalidate it.
class shared_access_signature final : public request_signer {
public:
    /// The leading `?` is optional. Throws `azkv::error` (errc::invalid_argument) for a text that is not a
    /// signature.
    explicit shared_access_signature(std::string_view token);

    std::string_view query() const override { return token_.text; }

    std::shared_ptr<const request_signer> copy() const override {
        return std::make_shared<shared_access_signature>(token_.text);
    }

    std::optional<std::chrono::sys_seconds> expiry() const override;

    void append_headers(std::string&, const signing_input&,
                        std::chrono::system_clock::time_point) const override {}

private:
    wiped_string token_;
};

} // namespace azkv::identity
