// The certificate and the RSA key of an application, read from PEM.
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

/// An application's certificate with its RSA key. Safe to share between threads.
class client_certificate {
public:
    /// Reads PEM: the key, its certificate and those that lead to its root, in any order. Throws
    /// `azkv::error` (errc::invalid_argument), whose message begins with `name`: "the certificate file
    /// a.pem".
    client_certificate(const std::string& name, std::string_view pem, const secret& passphrase);

    /// Signs with SHA-256; PSS uses a salt of 32 bytes.
    secret sign(std::string_view text, rsa_signature form) const;

    // Digests of the certificate.
    const std::string& sha1() const { return sha1_; }

    const std::string& sha256() const { return sha256_; }

    /// Returns DER: the certificate first, then its issuer, and so on.
    const std::vector<std::string>& chain() const { return chain_; }

private:
    std::shared_ptr<evp_pkey_st> key_;
    std::string sha1_;
    std::string sha256_;
    std::vector<std::string> chain_;
};

/// A certificate file, read again after it has changed. Safe to share between threads.
class certificate_file {
public:
    /// Reads the file. Throws `azkv::error` (errc::invalid_argument), which names the file and the reason.
    certificate_file(std::string path, secret passphrase);

    /// Returns the certificate that is in the file now. If the file is not valid, it may be only half
    /// written: returns the last certificate that was.
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
