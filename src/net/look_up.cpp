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

    // Guarded by the mutex of the queries until finished; constant from then on.
    std::list<waiter*> waiters;
    bool finished = false;
    int error = 0;
    int system_error = 0; // `errno`
    addrinfo* found = nullptr;
};

/// The queries of one process; a forked child does not have the threads of its parent. Never destroyed,
/// because a thread may outlive `main`.
class queries {
public:
    /// Returns the queries of the calling process.
    static queries& of_this_process();

    bool are_of_this_process() const { return process_ == support::process_number(); }

    /// Finds the query in flight for `host`, or starts one. Precondition: locked.
    error_code find_or_start(const std::string& host, std::shared_ptr<query>& q);

    std::mutex mutex;

private:
    explicit queries(queries* parents) : parents_(parents) {}

    void run(query& q) noexcept;

    const unsigned process_ = support::process_number();
    [[maybe_unused]] queries* const parents_;                 // keeps them reachable for leak checkers
    std::map<std::string, std::shared_ptr<query>> in_flight_; // guarded by `mutex`
};

/// Knows whether an execution context is being destroyed. Its shutdown comes before that of the context's
/// timers, because services shut down in reverse order of creation.
class context_watch final : public asio::execution_context::service {
public:
    static asio::execution_context::id id;

    explicit context_watch(asio::execution_context& c) : service(c) {}

    bool ended = false; // guarded by the mutex of the queries

private:
    void shutdown() override {
        const std::lock_guard lock(queries::of_this_process().mutex);
        ended = true;
    }
};

asio::execution_context::id context_watch::id;

/// A caller that waits for a query; lives in the frame of its coroutine.
class waiter {
public:
    explicit waiter(async::manual_reset_event& done, asio::execution_context& context)
        : done_(done), context_(asio::use_service<context_watch>(context)),
          queries_(queries::of_this_process()) {}

    waiter(const waiter&) = delete;
    waiter& operator=(const waiter&) = delete;

    ~waiter() {
        if (!query_ || !queries_.are_of_this_process()) return; // the parent's mutex may stay locked forever
        const std::lock_guard lock(queries_.mutex);
        query_->waiters.erase(position_);
    }

    error_code start(const std::string& host) {
        const std::lock_guard lock(queries_.mutex);
        std::shared_ptr<query> q;
        const error_code ec = queries_.find_or_start(host, q);
        if (ec) return ec;
        position_ = q->waiters.insert(q->waiters.end(), this);
        query_ = std::move(q);
        return {};
    }

    /// Returns the query if it has finished; otherwise null.
    const query* finished() const {
        if (!queries_.are_of_this_process()) return nullptr;
        const std::lock_guard lock(queries_.mutex);
        return query_->finished ? query_.get() : nullptr;
    }

    /// Called when the query has finished. Precondition: locked.
    void notify() {
        if (!context_.ended) done_.set();
    }

private:
    async::manual_reset_event& done_;
    context_watch& context_;
    queries& queries_;
    std::shared_ptr<query> query_; // null until this is in its list
    std::list<waiter*>::iterator position_;
};

queries& queries::of_this_process() {
    static std::atomic<queries*> current{nullptr};
    queries* known = current.load();
    while (!known || !known->are_of_this_process()) {
        auto* const made = new queries(known);
        if (current.compare_exchange_strong(known, made)) return *made;
        delete made; // another thread was faster
    }
    return *known;
}

/// Blocks all signals in the threads that this thread starts, so that the application's handlers do not run
/// there.
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

error_code queries::find_or_start(const std::string& host, std::shared_ptr<query>& q) {
    const auto [at, is_new] = in_flight_.try_emplace(host);
    if (!is_new) {
        q = at->second;
        return {};
    }
    try {
        const auto fresh = std::make_shared<query>(host);
        const signals_blocked inherited;
        std::thread([this, fresh] { run(*fresh); }).detach();
        q = at->second = fresh;
        return {};
    } catch (const std::system_error&) { // the system has no thread left
        in_flight_.erase(at);
        return asio::error::host_not_found_try_again;
    } catch (...) {
        in_flight_.erase(at);
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
    in_flight_.erase(q.host);
    for (waiter* w : q.waiters) w->notify();
}

// Translates the error as Asio's resolver does.
error_code error_of(const query& q) {
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

asio::awaitable<error_code> look_up(std::string host, std::shared_ptr<async::manual_reset_event> done,
                                    std::vector<asio::ip::address>& found) {
    const asio::any_io_executor executor = done->get_executor();
    waiter self(*done, asio::query(executor, asio::execution::context_as<asio::execution_context&>));
    error_code ec = self.start(host);
    if (ec) co_return ec;
    co_await done->wait_until_set();
    const query* const q = self.finished();
    if (!q) co_return asio::error::operation_aborted;
    ec = error_of(*q);
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
