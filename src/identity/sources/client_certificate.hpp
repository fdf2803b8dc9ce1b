#pragma once

#include <azkv/secret.hpp>

#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

struct evp_pkey_st; // of OpenSSL: EVP_PKEY

namespace azkv::identity {

enum class rsa_signature { pss, pkcs1 };

/// An application's certificate, with its RSA key. Safe to share between threads.
class client_certificate {
public:
    /// Reads PEM: the key, its certificate and those that lead to its authority, in any order. Throws
    /// `azkv::error` (errc::invalid_argument), which begins with `name`: "the certificate file a.pem".
    client_certificate(const std::string& name, std::string_view pem, const secret& passphrase);

    /// With SHA-256; PSS has a salt of 32 bytes.
    secret sign(std::string_view text, rsa_signature form) const;

    // Digests of the certificate.
    const std::string& sha1() const { return sha1_; }

    const std::string& sha256() const { return sha256_; }

    /// In DER: the certificate first, then whoever issued it, and so on.
    const std::vector<std::string>& chain() const { return chain_; }

private:
    std::shared_ptr<evp_pkey_st> key_;
    std::string sha1_;
    std::string sha256_;
    std::vector<std::string> chain_;
};

/// A file with a certificate. Safe to share between threads.
class certificate_file {
public:
    /// Reads it, and throws `azkv::error` (errc::invalid_argument) that names the file and what is wrong.
    certificate_file(std::string path, secret passphrase);

    /// What is in it now. If it has changed to something that is no certificate, it may be in the middle of
    /// being replaced: the last one that was.
    std::shared_ptr<const client_certificate> current();

private:
    std::shared_ptr<const client_certificate> read() const;

    const std::string path_;
    const secret passphrase_;
    std::mutex mutex_;
    std::filesystem::file_time_type changed_;
    std::shared_ptr<const client_certificate> last_;
};

} // namespace azkv::identity
