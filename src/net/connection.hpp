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
class deadlines;
class tls_client;

/// One connection to one service. It connects when it is first used.
class connection {
public:
    virtual ~connection() = default;

    /// Carries one exchange, by `deadline`; no second one at the same time.
    virtual asio::awaitable<void> run(exchange& x, std::chrono::steady_clock::time_point deadline) = 0;

    /// Ends the exchange that is under way, or else the next one, with `why`. May be called by any thread.
    virtual void interrupt(boost::system::error_code why) = 0;

    /// Closes it. Between two exchanges, and by who holds it.
    virtual void close() = 0;

    virtual const protocol::authority& to() const = 0;

    /// Whether it has carried an exchange before.
    virtual bool used() const = 0;

    /// Until when it may carry another; a time long past if it must not. To be asked between two exchanges.
    virtual std::chrono::steady_clock::time_point usable_until() const = 0;
};

/// Makes connections. This is the only place where Beast and TLS are instantiated.
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
    std::shared_ptr<deadlines> deadlines_; // of all that it makes, and so the next
    std::shared_ptr<address_order> order_;
};

} // namespace azkv::net
