#include "net/http_transport.hpp"

#include <azkv/error.hpp>

#include <boost/asio/error.hpp>

namespace azkv::net {

http_transport::http_transport(asio::any_io_executor executor, std::size_t max_connections,
                               const connector::settings& s)
    : pool_(std::make_shared<pool>(
        executor, max_connections,
        [make = connector(executor, s)](const protocol::authority& to) { return make.make(to); })) {}

asio::awaitable<void> http_transport::run(exchange& x) {
    const auto connections = pool_; // the transport may go before its last exchange
    bool fresh = false;
    for (;;) {
        x.doing = "waiting for a connection to";
        lease connection = co_await connections->acquire(*x.to, x.deadline, fresh);
        if (!connection) {
            x.error = errc::timed_out;
            co_return;
        }
        const bool kept_alive = connection->used();
        co_await connection->run(x);
        if (!x.error) {
            connection.keep();
            co_return;
        }
        // A connection that rested may have been closed by the peer meanwhile. Once, and on a new one, the
        // request is repeated; anything else is for the retry policy to decide.
        const bool interrupted = x.error == errc::timed_out || x.error == asio::error::operation_aborted;
        if (!kept_alive || fresh || x.answer_begun || interrupted) co_return;
        fresh = true;
        x.maybe_applied_before = x.maybe_applied;
        x.error = {};
        x.detail.clear();
    }
}

} // namespace azkv::net
