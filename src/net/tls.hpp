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

/// What all connections of an account need to know of TLS, and the sessions that they may resume. Made once:
/// reading the authorities of the system may take 50 ms. Safe to share between threads.
class tls_client {
public:
    /// Throws `azkv::error` (errc::invalid_argument) that names the option and the file that cannot be read.
    explicit tls_client(const tls_options& o);

    /// The same, without the sessions: for a forked child, lest two processes resume one.
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

/// Whether anything is set in there.
bool are_set(const tls_options& o);

/// Whether the peer has sent more than was read, or has said that it sends no more. Takes new sessions, which
/// may come at any time, and waits for nothing.
bool is_pending(SSL* ssl);

/// The other end of one connection, and how it proves who it is. Must live as long as the connection.
class tls_peer {
public:
    tls_peer(std::shared_ptr<tls_client> client, const protocol::authority& to);
    tls_peer(const tls_peer&) = delete;
    tls_peer& operator=(const tls_peer&) = delete;

    /// Before the handshake: whom to expect, and a session to resume.
    boost::system::error_code prepare(SSL* ssl);

    /// After a handshake that succeeded.
    boost::system::error_code check(SSL* ssl);

    /// What is known of a failure; empty if that is nothing. None of it is text from the peer.
    std::string explain(const SSL* ssl, boost::system::error_code ec);

private:
    friend class tls_callbacks;

    bool verify(X509_STORE_CTX* chain);

    std::shared_ptr<tls_client> client_;
    std::string host_;
    std::string thumbprint_;
    std::string key_;     // of its sessions
    std::string refusal_; // why its certificate was refused
    bool agreed_ = false;
    bool resumes_ = false;
};

} // namespace azkv::net
