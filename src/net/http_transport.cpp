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
    x.overloaded = why != errc::closed;
    if (!x.overloaded) return;
    const std::size_t itself = why == errc::timed_out ? 1 : 0;
    x.detail = "overloaded: " + support::calls_that_wait(connections.waiting() + itself) + " for "
               + support::counted(connections.max_connections(), "connection");
    x.overload_report = connections.take_overload_report(steady_clock::now());
}

} // namespace

http_transport::http_transport(asio::any_io_executor executor, const pool::limits& l,
                               const connector::settings& s)
    : pool_(
        std::make_shared<pool>(executor, l, [make = connector(executor, s)](const protocol::authority& to) {
            return make.make(to);
        })) {}

asio::awaitable<void> http_transport::run(exchange& x) {
    const auto connections = pool_; // the transport may be destroyed before its last exchange ends
    x.phase = "waiting for a connection to";
    const auto asked = steady_clock::now();
    pooled_connection connection = connections->try_acquire(*x.to, asked);
    if (!connection) {
        connection = co_await connections->acquire(*x.to, x.deadline);
        if (!connection) {
            refuse(x, connection.error(), *connections);
            co_return;
        }
        x.waited = connection.acquired_at() - asked;
    }
    x.write_head();
    const auto deadline = std::min(x.deadline, connection.acquired_at() + x.attempt_timeout);
    auto earlier = protocol::applied::no; // by a sending before the last one
    for (;;) {
        x.connection_reused = connection->used();
        co_await connection->run(x, deadline);
        if (!x.error) {
            x.applied = earlier; // the response tells about the last one
            connection.mark_reusable();
            co_return;
        }
        if (x.error == errc::timed_out) connection.mark_timed_out();
        // The peer may have closed the connection while it was idle. The request is sent once more, on a new
        // connection; the retry policy decides about everything else.
        const bool interrupted = x.error == errc::timed_out || x.error == errc::closed
                                 || x.error == asio::error::operation_aborted;
        const bool may_repeat =
            x.idempotency == protocol::idempotency::idempotent || x.applied == protocol::applied::no;
        if (!x.connection_reused || x.response_begun || interrupted || !may_repeat) co_return;
        if (!connection.replace(*x.to)) {
            x.error = errc::closed;
            co_return;
        }
        earlier = x.applied;
        x.error = {};
        x.detail.clear();
    }
}

} // namespace azkv::net
