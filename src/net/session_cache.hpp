// TLS session resumption.
#pragma once

#include <chrono>
#include <cstddef>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

using SSL_SESSION = struct ssl_session_st; // as in OpenSSL

namespace azkv::net {

/// TLS sessions that may be resumed, so that the next handshake needs neither certificates nor signatures. It
/// holds copies, because OpenSSL modifies the session of a live connection. Safe to share between threads. A
/// forked child must not use the cache of its parent.
class session_cache {
public:
    static constexpr std::size_t max_hosts = 64;
    static constexpr std::size_t max_sessions = 8; // per host

    class free_session {
    public:
        void operator()(SSL_SESSION* s) const noexcept;
    };

    using session = std::unique_ptr<SSL_SESSION, free_session>;

    session_cache();
    ~session_cache();

    /// Keeps a copy for the lifetime that the server has announced.
    void put(const std::string& host, const SSL_SESSION* s);

    /// Returns the newest session, or null. Returns a TLS 1.3 session only once: an observer that sees it
    /// twice could link two connections to one client.
    session take(const std::string& host);

    /// Drops the sessions of a host.
    void forget(const std::string& host);

private:
    using time_point = std::chrono::steady_clock::time_point;

    class entry {
    public:
        entry(session s, time_point until) : copy(std::move(s)), until(until) {}

        session copy;
        time_point until;
    };

    class host_sessions {
    public:
        explicit host_sessions(const std::string& host) : host(host) {}

        std::string host;
        std::vector<entry> sessions; // newest at the back
    };

    std::list<host_sessions>::iterator find(const std::string& host);

    std::mutex mutex_;               // guards what follows
    std::list<host_sessions> hosts_; // last used in front
};

} // namespace azkv::net
