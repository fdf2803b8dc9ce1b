// The transport of the library: HTTP/1.1 over pooled connections.
#pragma once

#include "net/connection.hpp"
#include "net/pool.hpp"
#include "net/transport.hpp"

#include <cstddef>
#include <memory>

namespace azkv::net {

/// HTTP over TCP or TLS. Keeps connections alive between exchanges.
class http_transport final : public transport {
public:
    http_transport(asio::any_io_executor executor, const pool::limits& l, const connector::settings& s);

    asio::awaitable<void> run(exchange& x) override;

    void close() override { pool_->close(); }

    const pool& connections() const { return *pool_; }

private:
    std::shared_ptr<pool> pool_;
};

} // namespace azkv::net
