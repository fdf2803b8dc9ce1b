#include "net/look_up.hpp"

#include "support/process.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/query.hpp>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <list>
#include <map>
#include <mutex>
#include <netdb.h>
#include <pthread.h>
#include <system_error>
#include <thread>
#include <utility>

namespace azkv::net {

using boost::system::error_code;

namespace {

class waiter;

/// One call of `getaddrinfo`.
class query {
public:
    explicit query(std::string h) : host(std::move(h)) {}

    query(const query&) = delete;
    query& operator=(const query&) = delete;

    ~query() {
        if (found) ::freeaddrinfo(found);
    }

    const std::string host;

    // Guarded by the mutex of the queries until it has finished; constant from then on.
    std::list<waiter*> waiters;
    bool finished = false;
    int error = 0;
    int system_error = 0; // `errno`
    addrinfo* found = nullptr;
};

/// The queries of one process: a child does not have the threads of its parent. Never destroyed, since a
/// thread may outlast `main`.
class queries {
public:
    /// Those of the process that calls.
    static queries& here();

    bool are_here() const { return process_ == support::process_number(); }

    /// The query for `host` that is under way, or a new one. Precondition: locked.
    error_code join(const std::string& host, std::shared_ptr<query>& q);

    std::mutex mutex;

private:
    explicit queries(queries* parents) : parents_(parents) {}

    void run(query& q) noexcept;

    const unsigned process_ = support::process_number();
    [[maybe_unused]] queries* const parents_; // still refers to them, for those who search for leaks
    std::map<std::string, std::shared_ptr<query>> under_way_; // guarded by `mutex`
};

/// Says when an execution context comes to its end. It does so before the context's timers end, which are
/// older.
class context_watch final : public asio::execution_context::service {
public:
    static asio::execution_context::id id;

    explicit context_watch(asio::execution_context& c) : service(c) {}

    bool ended = false; // guarded by the mutex of the queries

private:
    void shutdown() override {
        const std::lock_guard lock(queries::here().mutex);
        ended = true;
    }
};

asio::execution_context::id context_watch::id;

/// Somebody who waits for a query, in the frame of a coroutine.
class waiter {
public:
    explicit waiter(async::manual_reset_event& over, asio::execution_context& context)
        : over_(over), context_(asio::use_service<context_watch>(context)), queries_(queries::here()) {}

    waiter(const waiter&) = delete;
    waiter& operator=(const waiter&) = delete;

    ~waiter() {
        if (!query_ || !queries_.are_here()) return; // the parent's mutex may be locked for ever
        const std::lock_guard lock(queries_.mutex);
        query_->waiters.erase(place_);
    }

    error_code begin(const std::string& host) {
        const std::lock_guard lock(queries_.mutex);
        std::shared_ptr<query> q;
        const error_code ec = queries_.join(host, q);
        if (ec) return ec;
        place_ = q->waiters.insert(q->waiters.end(), this);
        query_ = std::move(q);
        return {};
    }

    /// The query, if it has finished.
    const query* finished() const {
        if (!queries_.are_here()) return nullptr;
        const std::lock_guard lock(queries_.mutex);
        return query_->finished ? query_.get() : nullptr;
    }

    /// The query has finished. Precondition: locked.
    void tell() {
        if (!context_.ended) over_.set();
    }

private:
    async::manual_reset_event& over_;
    context_watch& context_;
    queries& queries_;
    std::shared_ptr<query> query_; // null until it is in the list
    std::list<waiter*>::iterator place_;
};

queries& queries::here() {
    static std::atomic<queries*> current{nullptr};
    queries* known = current.load();
    while (!known || !known->are_here()) {
        auto* const made = new queries(known);
        if (current.compare_exchange_strong(known, made)) return *made;
        delete made; // another thread was faster
    }
    return *known;
}

/// Keeps the application's signal handlers off the threads that the calling one starts.
class signals_blocked {
public:
    signals_blocked() {
        sigset_t all;
        ::sigfillset(&all);
        ::pthread_sigmask(SIG_SETMASK, &all, &before_);
    }

    signals_blocked(const signals_blocked&) = delete;
    signals_blocked& operator=(const signals_blocked&) = delete;

    ~signals_blocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

private:
    sigset_t before_;
};

error_code queries::join(const std::string& host, std::shared_ptr<query>& q) {
    const auto [place, is_new] = under_way_.try_emplace(host);
    if (!is_new) {
        q = place->second;
        return {};
    }
    try {
        const auto fresh = std::make_shared<query>(host);
        const signals_blocked in_the_thread;
        std::thread([this, fresh] { run(*fresh); }).detach();
        q = place->second = fresh;
        return {};
    } catch (const std::system_error&) { // no more threads, now
        under_way_.erase(place);
        return asio::error::host_not_found_try_again;
    } catch (...) {
        under_way_.erase(place);
        throw;
    }
}

void queries::run(query& q) noexcept {
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_protocol = IPPROTO_TCP;
    addrinfo* found = nullptr;
    const int error = ::getaddrinfo(q.host.c_str(), nullptr, &hints, &found);
    const int reason = errno;

    const std::lock_guard lock(mutex);
    q.error = error;
    q.system_error = reason;
    q.found = error == 0 ? found : nullptr;
    q.finished = true;
    under_way_.erase(q.host);
    for (waiter* w : q.waiters) w->tell();
}

// As Asio's resolver translates them.
error_code outcome(const query& q) {
    switch (q.error) {
    case 0: return {};
    case EAI_AGAIN: return asio::error::host_not_found_try_again;
    case EAI_BADFLAGS: return asio::error::invalid_argument;
    case EAI_FAIL: return asio::error::no_recovery;
    case EAI_FAMILY: return asio::error::address_family_not_supported;
    case EAI_MEMORY: return asio::error::no_memory;
#ifdef EAI_ADDRFAMILY
    case EAI_ADDRFAMILY:
#endif
#ifdef EAI_NODATA
    case EAI_NODATA:
#endif
    case EAI_NONAME: return asio::error::host_not_found;
    case EAI_SERVICE: return asio::error::service_not_found;
    case EAI_SOCKTYPE: return asio::error::socket_type_not_supported;
    default: return {q.system_error, boost::system::system_category()};
    }
}

} // namespace

asio::awaitable<error_code> look_up(std::string host, std::shared_ptr<async::manual_reset_event> over,
                                    std::vector<asio::ip::address>& found) {
    const asio::any_io_executor executor = over->get_executor();
    waiter here(*over, asio::query(executor, asio::execution::context_as<asio::execution_context&>));
    error_code ec = here.begin(host);
    if (ec) co_return ec;
    co_await over->wait_until_set();
    const query* const q = here.finished();
    if (!q) co_return asio::error::operation_aborted;
    ec = outcome(*q);
    for (const addrinfo* a = q->found; a; a = a->ai_next) {
        if (a->ai_family != AF_INET && a->ai_family != AF_INET6) continue;
        asio::ip::tcp::endpoint e;
        e.resize(a->ai_addrlen);
        std::memcpy(e.data(), a->ai_addr, a->ai_addrlen);
        found.push_back(e.address());
    }
    if (!ec && found.empty()) ec = asio::error::host_not_found;
    co_return ec;
}

} // namespace azkv::net
