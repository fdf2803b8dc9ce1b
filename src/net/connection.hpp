// One connection: connects, sends a request, reads the response.
#pragma once

#include "net/transport.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <utility>

namespace azkv::protocol {
class proxy_settings;
}

namespace azkv::net {

class address_order;
class timer_queue;
class tls_client;

/// One connection to one service. It connects on first use.
class connection {
public:
    virtual ~connection() = default;

    /// Runs one exchange at a time, until `deadline` at the latest.
    virtual asio::awaitable<void> run(exchange& x, std::chrono::steady_clock::time_point deadline) = 0;

    /// Aborts the exchange in flight, or else the next one, with `why`. Any thread may call it.
    virtual void interrupt(boost::system::error_code why) = 0;

    /// Closes the connection. Called between exchanges.
    virtual void close() = 0;

    virtual const protocol::authority& to() const = 0;

    /// Returns whether it has run an exchange before.
    virtual bool used() const = 0;

    /// Returns until when another exchange may start; a time long past if none may. Called between exchanges.
    virtual std::chrono::steady_clock::time_point usable_until() const = 0;
};

/// Creates connections. Only its implementation instantiates Beast and TLS.
class connector {
public:
    class settings {
    public:
        settings() {}

        std::chrono::milliseconds connect_timeout{5'000};
        std::chrono::milliseconds idle_timeout{60'000};
        std::size_t max_response_size = std::size_t{64} << 20;
        std::shared_ptr<tls_client> tls;                       // null: plain HTTP only
        std::shared_ptr<const protocol::proxy_settings> proxy; // null: none
    };

    connector(asio::any_io_executor executor, const settings& s);

    std::shared_ptr<connection> make(const protocol::authority& to) const;

private:
    asio::any_io_executor executor_;
    settings settings_;
    std::shared_ptr<timer_queue> timers_; // shared by all its connections, as is the next
    std::shared_ptr<address_order> order_;
};

} // namespace azkv::net
