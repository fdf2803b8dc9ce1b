#pragma once

#include "net/connection.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

namespace azkv::net {

class pool;

/// The right to use one connection. Letting go of it discards the connection, unless it was told to keep it.
class lease {
public:
    lease() {}

    lease(std::shared_ptr<pool> owner, std::shared_ptr<connection> held)
        : owner_(std::move(owner)), held_(std::move(held)) {}

    lease(lease&&) noexcept = default;

    lease& operator=(lease&& other) noexcept {
        std::swap(owner_, other.owner_);
        std::swap(held_, other.held_);
        std::swap(keep_, other.keep_);
        return *this;
    }

    ~lease();

    connection* operator->() const { return held_.get(); }

    explicit operator bool() const { return held_ != nullptr; }

    void hold(std::shared_ptr<connection> c) { held_ = std::move(c); }

    /// The exchange was completed: the connection may be used again.
    void keep() { keep_ = true; }

private:
    std::shared_ptr<pool> owner_;
    std::shared_ptr<connection> held_;
    bool keep_ = false;
};

/// A bounded number of connections, kept for reuse, the last used first. It has no task of its own: what was
/// idle for too long is dropped when the next connection is asked for. Callers beyond the bound wait in line.
class pool : public std::enable_shared_from_this<pool> {
public:
    using time_point = std::chrono::steady_clock::time_point;
    using factory = std::function<std::shared_ptr<connection>(const protocol::authority&)>;

    pool(asio::any_io_executor executor, std::size_t max_connections, factory make);

    /// A connection to `to`, a new one if `fresh`. An empty lease when the deadline passed first. Throws
    /// `operation_aborted` when cancelled.
    asio::awaitable<lease> acquire(const protocol::authority& to, time_point deadline, bool fresh);

    std::size_t idle() const;
    std::size_t in_use() const;

private:
    friend class lease;
    class waiter;
    class place_in_line;

    using connections = std::vector<std::shared_ptr<connection>>;

    std::shared_ptr<connection> take(const protocol::authority& to, bool fresh, connections& dropped);
    void release(std::shared_ptr<connection> held, bool keep);

    asio::any_io_executor executor_;
    std::size_t max_connections_;
    factory make_;

    mutable std::mutex mutex_; // guards what follows
    connections idle_;         // the last used is at the back
    std::size_t in_use_ = 0;
    std::deque<std::shared_ptr<waiter>> line_;
};

} // namespace azkv::net
