#pragma once

#include "net/connection.hpp"
#include "support/reserve.hpp"

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

class lease;

/// A bounded number of connections, kept for reuse, the last used first. It has no task of its own: what was
/// idle for too long is closed when the next connection is asked for. That costs the same however many are
/// idle: only the ends of the lists are looked at. Callers beyond the bound wait in line, first come, first
/// served, as long as enough of their time is left.
class pool : public std::enable_shared_from_this<pool> {
public:
    using time_point = std::chrono::steady_clock::time_point;
    using factory = std::function<std::shared_ptr<connection>(const protocol::authority&)>;

    class limits {
    public:
        explicit limits(std::size_t connections) : connections(connections) {}

        std::size_t connections;
        std::size_t waiting = std::numeric_limits<std::size_t>::max(); // callers in line
    };

    pool(asio::any_io_executor executor, const limits& l, factory make);
    pool(const pool&) = delete;
    pool& operator=(const pool&) = delete;
    ~pool();

    /// A connection to `to`, if there is one at hand or one more is allowed; else an empty lease.
    lease acquire_at_once(const protocol::authority& to, time_point now);

    /// The same, but waits for it if need be. An empty lease says why it is empty: errc::timed_out when too
    /// little time was left, errc::overloaded when the line is full, errc::closed. Throws `operation_aborted`
    /// when cancelled.
    asio::awaitable<lease> acquire(const protocol::authority& to, time_point deadline);

    /// What there is to tell of callers that were not served; at most once a second.
    std::optional<overload> report(time_point now);

    /// Ends what is under way, also the waiting, and lets nobody acquire any more. May be called by any
    /// thread.
    void close();

    std::size_t max_connections() const { return limits_.connections; }

    bool closed() const;
    std::size_t idle() const;
    std::size_t in_use() const;
    std::size_t waiting() const;

private:
    friend class lease;
    class waiter;

    using connections = std::list<std::shared_ptr<connection>>;
    using place = connections::iterator; // in `in_use_`; null until a connection is made
    using line =
        boost::intrusive::list<waiter, boost::intrusive::base_hook<boost::intrusive::list_base_hook<>>>;

    /// Those to one authority, of which there are few: an endpoint and its secondary.
    class resting {
    public:
        explicit resting(const protocol::authority& to) : to(to) {}

        protocol::authority to;
        connections list; // the last used is at the back
    };

    connections& idle_to(const protocol::authority& to);
    place take(const protocol::authority& to, time_point now);
    void make_room();
    static lease complete(lease l, const protocol::authority& to);
    bool fill(place p, const protocol::authority& to);
    void release(place p, bool keep, time_point begun, bool given_up);

    const asio::any_io_executor executor_;
    const limits limits_;
    const factory make_;

    mutable std::mutex mutex_; // guards what follows
    std::list<resting> idle_;
    connections in_use_;
    line line_; // empty unless all places are in use
    support::reserve reserve_;
    overload unserved_;
    time_point reported_; // of those
    bool closed_ = false;
};

/// The right to use one connection. Letting go of it discards the connection, unless it was told to keep it.
class lease {
public:
    lease() {}

    /// An empty one.
    explicit lease(errc why) : why_(why) {}

    lease(std::shared_ptr<pool> owner, pool::place p, pool::time_point begun)
        : owner_(std::move(owner)), place_(p), begun_(begun) {}

    lease(lease&&) noexcept = default;

    lease& operator=(lease&& other) noexcept {
        std::swap(owner_, other.owner_);
        std::swap(place_, other.place_);
        std::swap(why_, other.why_);
        std::swap(begun_, other.begun_);
        std::swap(keep_, other.keep_);
        std::swap(given_up_, other.given_up_);
        return *this;
    }

    ~lease();

    connection* operator->() const { return place_->get(); }

    explicit operator bool() const { return owner_ != nullptr; }

    /// Of an empty one: what happened instead.
    errc why() const { return why_; }

    pool::time_point begun() const { return begun_; }

    /// Puts a new connection where there is none, or one whose exchange has failed. False if the pool was
    /// closed.
    bool renew(const protocol::authority& to) { return owner_->fill(place_, to); }

    /// The exchange was completed: the connection may be used again.
    void keep() { keep_ = true; }

    /// The exchange was given up as its time was over.
    void give_up() { given_up_ = true; }

private:
    std::shared_ptr<pool> owner_;
    pool::place place_;
    errc why_ = errc::closed;
    pool::time_point begun_;
    bool keep_ = false;
    bool given_up_ = false;
};

} // namespace azkv::net
