// RSA certificates and keys, as applications use them.
#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>
#include <string>

namespace azkv::test {

/// A certificate with its key, as applications have it.
class issued_certificate {
public:
    std::shared_ptr<EVP_PKEY> key;
    std::shared_ptr<X509> x509;

    std::string pem() const;
    std::string der() const;

    /// PKCS #8, as `openssl` writes it now.
    std::string key_pem() const;
    std::string key_pem(const std::string& passphrase) const;

    /// As `openssl` wrote it earlier: `BEGIN RSA PRIVATE KEY`.
    std::string old_key_pem(const std::string& passphrase) const;
};

std::shared_ptr<EVP_PKEY> rsa_key(unsigned bits = 2048);
std::shared_ptr<EVP_PKEY> ec_key();

/// Signed by `issuer`, or self-signed if there is none.
issued_certificate issue(const std::string& subject, std::shared_ptr<EVP_PKEY> key,
                         const issued_certificate* issuer = nullptr);

/// The same key for all tests: generating one is slow.
std::shared_ptr<EVP_PKEY> usual_rsa_key();

} // namespace azkv::test
