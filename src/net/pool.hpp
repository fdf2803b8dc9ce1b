// The connection pool: a bound, a queue for callers beyond it, and reuse. No I/O.
#pragma once

#include "net/connection.hpp"
#include "support/time_reserve.hpp"

#include <azkv/error.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/intrusive/list.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <limits>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

namespace azkv::net {

class pooled_connection;

/// A bounded number of connections, reused in last-in, first-out order. The pool runs no task of its own:
/// connections that have been idle for too long are closed when the next connection is acquired. The cost of
/// that does not grow with the number of idle connections, because only the ends of the lists are examined.
/// Callers beyond the bound wait in a queue, first come, first served, as long as enough of their time is
/// left.
class pool : public std::enable_shared_from_this<pool> {
public:
    using time_point = std::chrono::steady_clock::time_point;
    using factory = std::function<std::shared_ptr<connection>(const protocol::authority&)>;

    class limits {
    public:
        explicit limits(std::size_t connections) : connections(connections) {}

        std::size_t connections;
        std::size_t waiting = std::numeric_limits<std::size_t>::max(); // callers in the queue
    };

    pool(asio::any_io_executor executor, const limits& l, factory make);
    pool(const pool&) = delete;
    pool& operator=(const pool&) = delete;
    ~pool();

    /// Returns a connection to `to` if one is idle or the bound allows another; otherwise an empty
    /// pooled_connection.
    pooled_connection try_acquire(const protocol::authority& to, time_point now);

    /// Like `try_acquire`, but waits for a connection if necessary. An empty result has the reason:
    /// errc::timed_out if too little time was left, errc::overloaded if the queue is full, errc::closed.
    /// Throws `operation_aborted` when cancelled.
    asio::awaitable<pooled_connection> acquire(const protocol::authority& to, time_point deadline);

    /// Returns the callers that got no connection since the last report, if there are any; at most one report
    /// a second.
    std::optional<overload> take_overload_report(time_point now);

    /// Aborts the exchanges and the waits in flight and refuses to acquire from then on. Any thread may call
    /// it.
    void close();

    std::size_t max_connections() const { return limits_.connections; }

    bool closed() const;
    std::size_t idle() const;
    std::size_t in_use() const;
    std::size_t waiting() const;

private:
    friend class pooled_connection;
    class waiter;

    using connections = std::list<std::shared_ptr<connection>>;
    using slot = connections::iterator; // in `in_use_`; null until its connection is created
    using queue =
        boost::intrusive::list<waiter, boost::intrusive::base_hook<boost::intrusive::list_base_hook<>>>;

    /// How the use of a slot ended.
    enum class use_result { failed, reusable, timed_out };

    /// The idle connections to one authority. There are few authorities: an endpoint and its secondary.
    class idle_connections {
    public:
        explicit idle_connections(const protocol::authority& to) : to(to) {}

        protocol::authority to;
        connections list; // the last used is at the back
    };

    connections& idle_to(const protocol::authority& to);
    slot take_slot(const protocol::authority& to, time_point now);
    void make_room();
    static pooled_connection connected(pooled_connection c, const protocol::authority& to);
    bool replace(slot s, const protocol::authority& to);
    void release(slot s, use_result result, time_point acquired_at);

    const asio::any_io_executor executor_;
    const limits limits_;
    const factory make_;

    mutable std::mutex mutex_; // guards what follows
    std::list<idle_connections> idle_;
    connections in_use_;
    queue queue_; // empty unless all slots are in use
    support::time_reserve reserve_;
    overload overload_; // since `reported_`
    time_point reported_;
    bool closed_ = false;
};

/// The exclusive use of one connection. Its destructor closes the connection unless `mark_reusable` was
/// called.
class pooled_connection {
public:
    pooled_connection() {}

    /// An empty one.
    explicit pooled_connection(errc why) : error_(why) {}

    pooled_connection(std::shared_ptr<pool> owner, pool::slot s, pool::time_point acquired_at)
        : owner_(std::move(owner)), slot_(s), acquired_at_(acquired_at) {}

    pooled_connection(pooled_connection&&) noexcept = default;

    pooled_connection& operator=(pooled_connection&& other) noexcept {
        std::swap(owner_, other.owner_);
        std::swap(slot_, other.slot_);
        std::swap(error_, other.error_);
        std::swap(acquired_at_, other.acquired_at_);
        std::swap(result_, other.result_);
        return *this;
    }

    ~pooled_connection();

    connection* operator->() const { return slot_->get(); }

    explicit operator bool() const { return owner_ != nullptr; }

    /// Why there is no connection. Precondition: it is empty.
    errc error() const { return error_; }

    pool::time_point acquired_at() const { return acquired_at_; }

    /// Creates a connection, in place of one whose exchange has failed if there is one. Returns false if the
    /// pool was closed.
    bool replace(const protocol::authority& to) { return owner_->replace(slot_, to); }

    /// The exchange was completed, so another may follow.
    void mark_reusable() { result_ = pool::use_result::reusable; }

    /// The exchange did not end by its deadline.
    void mark_timed_out() { result_ = pool::use_result::timed_out; }

private:
    std::shared_ptr<pool> owner_;
    pool::slot slot_;
    errc error_ = errc::closed;
    pool::time_point acquired_at_;
    pool::use_result result_ = pool::use_result::failed;
};

} // namespace azkv::net
