// Shared Key: the text that is signed, and its HMAC. No I/O.
#pragma once

#include "identity/tokens/request_signer.hpp"

#include <ctime>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

struct evp_mac_ctx_st;

namespace azkv::identity {

enum class shared_key_scheme { full, lite };

/// What a signature covers. `lite` omits the method, the digest and the content type.
class shared_key_input {
public:
    shared_key_input() {}

    signing_input request;
    std::string_view content_md5; // empty: no such header
    std::string_view date;        // as in the header
    std::string_view account;
};

/// Returns the text that is signed for the table service.
/// (https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key)
std::string string_to_sign(shared_key_scheme scheme, const shared_key_input& input);

/// HMAC-SHA256 with a fixed key. Not safe to share between threads.
class hmac_sha256 {
public:
    /// Throws `azkv::error` (errc::invalid_argument) if the key is not base64.
    explicit hmac_sha256(std::string_view base64_key);

    /// Copies the key.
    hmac_sha256(const hmac_sha256&);
    hmac_sha256& operator=(const hmac_sha256&) = delete;

    /// Returns the signature in base64.
    std::string sign(std::string_view text);

    /// Appends the signature in base64.
    void sign(std::string_view text, std::string& to);

private:
    struct context_deleter {
        void operator()(evp_mac_ctx_st*) const;
    };

    std::unique_ptr<evp_mac_ctx_st, context_deleter> context_; // holds the key; reused for every signature
};

/// Signs each attempt with the account's key and the time of that attempt.
class shared_key final : public request_signer {
public:
    /// Throws `azkv::error` (errc::invalid_argument) for an account name or a key that is not valid.
    shared_key(std::string account, std::string_view base64_key);

    shared_key(const shared_key& other) : account_(other.account_), mac_(other.mac_) {}

    std::shared_ptr<const request_signer> copy() const override {
        return std::make_shared<shared_key>(*this);
    }

    void append_headers(std::string& head, const signing_input& request,
                        std::chrono::system_clock::time_point now) const override;

private:
    /// Used by one thread at a time.
    class signer {
    public:
        explicit signer(const hmac_sha256& m) : mac(m) {}

        hmac_sha256 mac;
        std::time_t second = -1; // the time that `date` shows
        std::string date;
    };

    std::unique_ptr<signer> take_signer() const;

    const std::string account_;
    const hmac_sha256 mac_;
    mutable std::mutex mutex_;                            // guards `unused_`; never held while signing
    mutable std::vector<std::unique_ptr<signer>> unused_; // as many as were in use at once
};

} // namespace azkv::identity
