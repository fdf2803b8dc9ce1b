#pragma once

#include <azkv/config.hpp>
#include <azkv/secret.hpp>

#include <functional>
#include <string>

namespace boost::asio::ssl {
class context;
}

namespace azkv {

/// A version of TLS.
enum class tls_version { v1_2, v1_3 };

/// The trusted CAs, the client certificate, and further settings of TLS connections.
///
/// Whatever is set here, a server's certificate must match the host of the URL. The host must be among the
/// certificate's subject alternative names; the common name is ignored.
///
/// Files are read when the store, or the credential, is created. If one cannot be read, creating it throws
/// `azkv::error` (errc::invalid_argument) that names the option.
class AZKV_DECL tls_options {
public:
    using context_hook = std::function<void(boost::asio::ssl::context&)>;

    tls_options() {}

    /// Sets a PEM file of the CAs to trust instead of those of the system.
    tls_options& ca_file(std::string path);

    const std::string& ca_file() const noexcept { return ca_file_; }

    /// Sets a directory of such files, named by their hashes as `openssl rehash` names them. Replaces the
    /// system's CAs, and adds to `ca_file`.
    tls_options& ca_directory(std::string path);

    const std::string& ca_directory() const noexcept { return ca_directory_; }

    /// Sets the client certificate for servers that request one (mTLS): a PEM file of the certificate and its
    /// chain, and a PEM file of the key. They may be the same file. An encrypted key requires the passphrase;
    /// the user is never prompted for it.
    tls_options& client_certificate(std::string chain_file, std::string key_file, secret passphrase = {});

    const std::string& client_chain_file() const noexcept { return client_chain_file_; }

    const std::string& client_key_file() const noexcept { return client_key_file_; }

    const secret& client_key_passphrase() const noexcept { return client_key_passphrase_; }

    /// Sets the oldest TLS version to accept. Default: 1.2.
    tls_options& minimum_version(tls_version);

    tls_version minimum_version() const noexcept { return minimum_version_; }

    /// Sets a function for settings without an option here: ciphers, engines, certificates in memory. It is
    /// called when the store, or the credential, is created, with the `ssl::context` of all its connections
    /// (include <boost/asio/ssl/context.hpp>). It must not keep a reference. It cannot change how peers are
    /// verified: verify modes and callbacks that it sets are overridden. Other callbacks that it sets must
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
