// TLS: the context of a store, and the verification of its peers.
#pragma once

#include "net/session_cache.hpp"
#include "protocol/endpoint.hpp"

#include <azkv/tls_options.hpp>

#include <boost/system/error_code.hpp>
#include <openssl/types.h>

#include <memory>
#include <string>
#include <utility>

namespace boost::asio::ssl {
class context;
}

namespace azkv::net {

namespace asio = boost::asio;

/// The TLS context and the sessions that all connections of a store share. Created once, because reading the
/// system's certificate authorities may take 50 ms. Safe to share between threads.
class tls_client {
public:
    /// Throws `azkv::error` (errc::invalid_argument), which names the option and the file that cannot be
    /// read.
    explicit tls_client(const tls_options& o);

    /// Returns a client without the sessions: a forked child must not resume those of its parent.
    std::shared_ptr<tls_client> for_child() const {
        return std::shared_ptr<tls_client>(new tls_client(context_));
    }

    ~tls_client();

    asio::ssl::context& context() const noexcept { return *context_; }

    session_cache& sessions() noexcept { return sessions_; }

private:
    explicit tls_client(std::shared_ptr<asio::ssl::context> context) : context_(std::move(context)) {}

    std::shared_ptr<asio::ssl::context> context_;
    session_cache sessions_;
};

/// Returns whether any option differs from its default.
bool has_settings(const tls_options& o);

/// Returns whether the peer has sent more data than was read, or has closed the stream. Processes new
/// sessions, which may arrive at any time. Does not block.
bool is_pending(SSL* ssl);

/// Verifies the peer of one connection. Must outlive the connection.
class tls_peer {
public:
    tls_peer(std::shared_ptr<tls_client> client, const protocol::authority& to);
    tls_peer(const tls_peer&) = delete;
    tls_peer& operator=(const tls_peer&) = delete;

    /// Called before the handshake: sets the expected host and a session to resume.
    boost::system::error_code prepare(SSL* ssl);

    /// Called after a successful handshake. Returns an error if the peer is not authenticated.
    boost::system::error_code check(SSL* ssl);

    /// Returns why an operation failed; empty if unknown. Contains no text from the peer.
    std::string explain(const SSL* ssl, boost::system::error_code ec);

private:
    friend class tls_callbacks;

    bool verify(X509_STORE_CTX* chain);

    std::shared_ptr<tls_client> client_;
    std::string host_;
    std::string thumbprint_;
    std::string key_;     // of its sessions in the cache
    std::string refusal_; // why its certificate was rejected
    bool verified_ = false;
    bool resumes_ = false;
};

} // namespace azkv::net
