#pragma once

#include <chrono>
#include <cstddef>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

using SSL_SESSION = struct ssl_session_st; // as OpenSSL says it

namespace azkv::net {

/// Sessions of TLS that may be resumed, so that the next handshake needs neither certificates nor signatures.
/// What is in here is used by no connection: OpenSSL marks the sessions of those as it goes. Safe to share
/// between threads. A forked child must not use its parent's.
class session_cache {
public:
    static constexpr std::size_t max_hosts = 64;
    static constexpr std::size_t max_sessions = 8; // of one host

    class free_session {
    public:
        void operator()(SSL_SESSION* s) const noexcept;
    };

    using session = std::unique_ptr<SSL_SESSION, free_session>;

    session_cache();
    ~session_cache();

    /// Keeps a copy, as long as the server wants to know it.
    void put(const std::string& host, const SSL_SESSION* s);

    /// The newest, or null. A session of TLS 1.3 is given away once, as whoever sees it twice could tell that
    /// two connections are of one client.
    session take(const std::string& host);

    /// Drops those of a host.
    void forget(const std::string& host);

private:
    using time_point = std::chrono::steady_clock::time_point;

    class kept {
    public:
        kept(session s, time_point until) : copy(std::move(s)), until(until) {}

        session copy;
        time_point until;
    };

    class host_sessions {
    public:
        explicit host_sessions(const std::string& host) : host(host) {}

        std::string host;
        std::vector<kept> sessions; // the newest is at the back
    };

    std::list<host_sessions>::iterator find(const std::string& host);

    std::mutex mutex_;               // guards what follows
    std::list<host_sessions> hosts_; // the last used is in front
};

} // namespace azkv::net
