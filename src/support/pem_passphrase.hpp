// The passphrase of a private key in PEM, for OpenSSL.
#pragma once

#include <azkv/secret.hpp>

#include <cstddef>
#include <cstring>
#include <string_view>

namespace azkv::support {

/// Supplies OpenSSL with a passphrase; without a callback OpenSSL would ask for it on the terminal. Pass
/// `&callback` and the address of the object to `PEM_read_bio_PrivateKey`.
class pem_passphrase {
public:
    /// Refers to `passphrase`.
    explicit pem_passphrase(const secret& passphrase) : passphrase_(passphrase) {}

    static int callback(char* to, int size, int, void* self) {
        auto& own = *static_cast<pem_passphrase*>(self);
        own.requested_ = true;
        const std::string_view text = own.passphrase_.reveal();
        if (text.empty() || text.size() > static_cast<std::size_t>(size)) return -1;
        std::memcpy(to, text.data(), text.size());
        return static_cast<int>(text.size());
    }

    /// Returns true if the key turned out to be encrypted.
    bool requested() const { return requested_; }

private:
    const secret& passphrase_;
    bool requested_ = false;
};

} // namespace azkv::support
