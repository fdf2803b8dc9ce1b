#include "net/http_transport.hpp"

#include "support/counted.hpp"

#include <azkv/error.hpp>

#include <boost/asio/error.hpp>

#include <algorithm>
#include <string>

namespace azkv::net {

using std::chrono::steady_clock;

namespace {

void refuse(exchange& x, errc why, pool& connections) {
    x.error = why;
    x.not_begun = why != errc::closed;
    if (!x.not_begun) return;
    const std::size_t itself = why == errc::timed_out ? 1 : 0;
    x.detail = "overloaded: " + support::calls_that_wait(connections.waiting() + itself) + " for "
               + support::counted(connections.max_connections(), "connection");
    x.unserved = connections.report(steady_clock::now());
}

} // namespace

http_transport::http_transport(asio::any_io_executor executor, const pool::limits& l,
                               const connector::settings& s)
    : pool_(
        std::make_shared<pool>(executor, l, [make = connector(executor, s)](const protocol::authority& to) {
            return make.make(to);
        })) {}

asio::awaitable<void> http_transport::run(exchange& x) {
    const auto connections = pool_; // the transport may go before its last exchange
    x.doing = "waiting for a connection to";
    const auto asked = steady_clock::now();
    lease connection = connections->acquire_at_once(*x.to, asked);
    if (!connection) {
        connection = co_await connections->acquire(*x.to, x.deadline);
        if (!connection) {
            refuse(x, connection.why(), *connections);
            co_return;
        }
        x.waited = connection.begun() - asked;
    }
    x.write_head();
    const auto deadline = std::min(x.deadline, connection.begun() + x.attempt_timeout);
    for (;;) {
        x.connection_reused = connection->used();
        co_await connection->run(x, deadline);
        if (!x.error) {
            connection.keep();
            co_return;
        }
        if (x.error == errc::timed_out) connection.give_up();
        // A connection that rested may have been closed by the peer meanwhile. Once, and on a new one, the
        // request is repeated; anything else is for the retry policy to decide.
        const bool interrupted = x.error == errc::timed_out || x.error == errc::closed
                                 || x.error == asio::error::operation_aborted;
        if (!x.connection_reused || x.answer_begun || interrupted) co_return;
        const bool renewed = connection.renew(*x.to);
        if (!renewed) {
            x.error = errc::closed;
            co_return;
        }
        x.error = {};
        x.detail.clear();
    }
}

} // namespace azkv::net
