#include "net/session_cache.hpp"

#include "support/process.hpp"

#include <openssl/ssl.h>

#include <algorithm>
#include <utility>

namespace azkv::net {

using std::chrono::steady_clock;

void session_cache::free_session::operator()(SSL_SESSION* s) const noexcept {
    const support::fork_pause pause;
    SSL_SESSION_free(s);
}

session_cache::session_cache() = default;
session_cache::~session_cache() = default;

// Precondition: locked.
std::list<session_cache::host_sessions>::iterator session_cache::find(const std::string& host) {
    const auto at =
        std::find_if(hosts_.begin(), hosts_.end(), [&](const host_sessions& h) { return h.host == host; });
    if (at == hosts_.end()) return at;
    hosts_.splice(hosts_.begin(), hosts_, at);
    const auto now = steady_clock::now();
    std::erase_if(at->sessions, [&](const entry& e) { return e.until <= now; });
    return at;
}

void session_cache::put(const std::string& host, const SSL_SESSION* s) {
    long seconds = SSL_SESSION_get_timeout(s);
    if (const unsigned long hint = SSL_SESSION_get_ticket_lifetime_hint(s); hint > 0)
        seconds = std::min(seconds, static_cast<long>(std::min(hint, 604'800ul)));
    session copy(SSL_SESSION_dup(s));
    if (!copy || seconds <= 0) return;
    const auto until = steady_clock::now() + std::chrono::seconds(seconds);

    const std::lock_guard lock(mutex_);
    auto at = find(host);
    if (at == hosts_.end()) {
        if (hosts_.size() == max_hosts) hosts_.pop_back();
        at = hosts_.emplace(hosts_.begin(), host);
    }
    if (at->sessions.size() == max_sessions) at->sessions.erase(at->sessions.begin());
    at->sessions.emplace_back(std::move(copy), until);
}

session_cache::session session_cache::take(const std::string& host) {
    const std::lock_guard lock(mutex_);
    const auto at = find(host);
    if (at == hosts_.end() || at->sessions.empty()) return nullptr;
    session& newest = at->sessions.back().copy;
    if (SSL_SESSION_get_protocol_version(newest.get()) < TLS1_3_VERSION)
        return session(SSL_SESSION_dup(newest.get()));
    session taken = std::move(newest);
    at->sessions.pop_back();
    return taken;
}

void session_cache::forget(const std::string& host) {
    const std::lock_guard lock(mutex_);
    const auto at = find(host);
    if (at != hosts_.end()) hosts_.erase(at);
}

} // namespace azkv::net
