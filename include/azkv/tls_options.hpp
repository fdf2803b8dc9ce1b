#pragma once

#include <azkv/config.hpp>
#include <azkv/secret.hpp>

#include <functional>
#include <string>

namespace boost::asio::ssl {
class context;
}

namespace azkv {

enum class tls_version { v1_2, v1_3 };

/// Whom to trust over TLS, and how to be known there. Files are read when the store, or the credential, is
/// made; what cannot be read is an `azkv::error` (errc::invalid_argument) that names the option.
///
/// Whatever is set here, a server must prove with its certificate that it is the host of the URL. The name
/// must be among the certificate's alternative names; the common name does not count.
class AZKV_DECL tls_options {
public:
    using context_hook = std::function<void(boost::asio::ssl::context&)>;

    tls_options() {}

    /// A PEM file of the certificate authorities to trust, instead of those of the system.
    tls_options& ca_file(std::string path);

    const std::string& ca_file() const noexcept { return ca_file_; }

    /// A directory of such files, named by their hashes as `openssl rehash` does it; instead of the
    /// system's, beside `ca_file`.
    tls_options& ca_directory(std::string path);

    const std::string& ca_directory() const noexcept { return ca_directory_; }

    /// What this side proves itself with, if the server asks for it (mTLS): a PEM file of its certificate,
    /// and of those that lead to its authority, and one of the key. They may be the same file. A key that is
    /// encrypted needs the passphrase; nobody is asked for it.
    tls_options& client_certificate(std::string chain_file, std::string key_file, secret passphrase = {});

    const std::string& client_chain_file() const noexcept { return client_chain_file_; }

    const std::string& client_key_file() const noexcept { return client_key_file_; }

    const secret& client_key_passphrase() const noexcept { return client_key_passphrase_; }

    /// The oldest version of TLS to speak. Default: 1.2.
    tls_options& minimum_version(tls_version);

    tls_version minimum_version() const noexcept { return minimum_version_; }

    /// Called when the store, or the credential, is made, with the `ssl::context` of all its connections, to
    /// set what has no option here: ciphers, engines, certificates in memory. (Include
    /// <boost/asio/ssl/context.hpp>.) It may not keep a reference. How peers are verified is not its
    /// business: modes and callbacks that it sets for that are replaced. Other callbacks that it sets must
    /// not fork, wait, or use this library: while OpenSSL is busy, a `fork` waits.
    tls_options& configure(context_hook);

    const context_hook& configure() const noexcept { return configure_; }

private:
    std::string ca_file_;
    std::string ca_directory_;
    std::string client_chain_file_;
    std::string client_key_file_;
    secret client_key_passphrase_;
    tls_version minimum_version_ = tls_version::v1_2;
    context_hook configure_;
};

} // namespace azkv
