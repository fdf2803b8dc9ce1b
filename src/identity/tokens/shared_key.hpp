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

/// The text that is signed, for the table service.
/// (https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key)
std::string string_to_sign(shared_key_scheme scheme, std::string_view method, std::string_view content_md5,
                           std::string_view content_type, std::string_view date, std::string_view account,
                           std::string_view target);

/// HMAC-SHA256 with a fixed key. Not safe to share between threads.
class hmac_sha256 {
public:
    /// `key` is base64. Throws `azkv::error` (errc::invalid_argument) if it is not.
    explicit hmac_sha256(std::string_view base64_key);

    /// Another one with the same key.
    hmac_sha256(const hmac_sha256&);
    hmac_sha256& operator=(const hmac_sha256&) = delete;

    /// In base64.
    std::string sign(std::string_view text);

    /// Appends the signature in base64.
    void sign(std::string_view text, std::string& to);

private:
    struct context_deleter {
        void operator()(evp_mac_ctx_st*) const;
    };

    std::unique_ptr<evp_mac_ctx_st, context_deleter> context_; // holds the key; reused for every signature
};

/// Shared Key, signed anew for each attempt with the time of that attempt.
class shared_key final : public request_signer {
public:
    shared_key(std::string account, std::string_view base64_key);

    shared_key(const shared_key& other) : account_(other.account_), mac_(other.mac_) {}

    std::shared_ptr<const request_signer> copy() const override { return std::make_shared<shared_key>(*this); }

    void append_headers(std::string& head, const signing_input& request,
                        std::chrono::system_clock::time_point now) const override;

private:
    /// What a thread signs with.
    class signer {
    public:
        explicit signer(const hmac_sha256& m) : mac(m) {}

        hmac_sha256 mac;
        std::time_t second = -1; // of `date`
        std::string date;
    };

    std::unique_ptr<signer> take_signer() const;

    const std::string account_;
    const hmac_sha256 mac_;
    mutable std::mutex mutex_;                            // guards what follows; nobody signs under it
    mutable std::vector<std::unique_ptr<signer>> unused_; // as many as signed at once
};

} // namespace azkv::identity
