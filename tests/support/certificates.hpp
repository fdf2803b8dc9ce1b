// Certificates and an authority that a test creates at run time.
#pragma once

#include "support/http_server.hpp"

#include <openssl/types.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace azkv::test {

/// Creates a self-signed certificate for `host` (a name, or an address if it begins with a digit).
certificate self_signed(const std::string& host);

/// The contents of a certificate.
class certificate_text {
public:
    certificate_text() {}

    /// Alternative names, each as `DNS:host` or `IP:address`.
    explicit certificate_text(std::vector<std::string> names) : names(std::move(names)) {}

    std::vector<std::string> names; // empty: no such extension
    std::string common_name = "test";
    std::chrono::seconds from{-60}; // relative to now
    std::chrono::seconds until{3600};
    bool rsa = false; // instead of a key on a curve
};

/// Issues certificates to servers and clients.
class certificate_authority {
public:
    explicit certificate_authority(std::string common_name = "test authority");
    ~certificate_authority();
    certificate_authority(const certificate_authority&) = delete;
    certificate_authority& operator=(const certificate_authority&) = delete;

    certificate issue(const certificate_text& text) const;

    /// Issues one to a server of these names.
    certificate issue(std::vector<std::string> names) const {
        return issue(certificate_text(std::move(names)));
    }

    std::string pem() const;

    /// Returns the name of its file in a directory of authorities.
    std::string hashed_name() const;

private:
    class implementation;
    std::unique_ptr<const implementation> impl_;
};

/// Returns the key in PEM, encrypted.
std::string encrypted_key(const certificate& c, const std::string& passphrase);

/// Returns the SHA-1 of a certificate, as `AB:CD:...`.
std::string thumbprint(const certificate& c);

/// A file that exists as long as the object.
class temporary_file {
public:
    explicit temporary_file(const std::string& content);
    ~temporary_file();
    temporary_file(const temporary_file&) = delete;
    temporary_file& operator=(const temporary_file&) = delete;

    const std::string& path() const { return path_; }

private:
    std::string path_;
};

} // namespace azkv::test
