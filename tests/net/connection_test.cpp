// A single connection.

#include "net/connection.hpp"
#include "support/raw_server.hpp"
#include "support/run.hpp"

#include <azkv/error.hpp>

#include <boost/asio/io_context.hpp>
#include <doctest/doctest.h>

#include <chrono>
#include <string>

using namespace azkv;
using namespace azkv::test;
using std::chrono::steady_clock;

namespace {

const std::string request_head = "PUT /x HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n";
const std::string request_body = "hello";

/// Connections to one server.
class client_side {
public:
    explicit client_side(const raw_server& server) {
        to_.host = "127.0.0.1";
        to_.port = std::to_string(server.port());
        connection_ = net::connector(context_.get_executor(), {}).make(to_);
    }

    void run(net::exchange& x) {
        x.to = &to_;
        x.head = request_head;
        x.body = request_body;
        x.deadline = steady_clock::now() + std::chrono::seconds(5);
        test::run(context_, connection_->run(x, x.deadline));
    }

    bool usable() const { return connection_->usable_until() > steady_clock::now(); }

private:
    asio::io_context context_;
    protocol::authority to_;
    std::shared_ptr<net::connection> connection_;
};

} // namespace

TEST_CASE("connection: bytes are counted with heads and interim responses for any outcome") {
    const std::string hint = "HTTP/1.1 103 Early Hints\r\n\r\n";
    const std::string good = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc";
    const std::string cut = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab";
    raw_server server({raw_answer(hint + good, raw_answer::end::keep),
                       raw_answer(good, raw_answer::end::keep), raw_answer(cut), raw_answer("")});
    const std::size_t sent = request_head.size() + request_body.size();
    client_side client(server);
    {
        protocol::response response;
        net::exchange x(response);
        client.run(x);
        CHECK_FALSE(x.error);
        CHECK(x.response.body == "abc");
        CHECK(x.bytes_sent == sent);
        CHECK(x.bytes_received == hint.size() + good.size());
        CHECK(x.response_begun);
        CHECK(client.usable());
    }
    {
        protocol::response response;
        net::exchange x(response);
        client.run(x);
        CHECK(x.bytes_received == good.size()); // of this exchange only
        CHECK(client.usable());
    }
    {
        protocol::response response;
        net::exchange x(response);
        client.run(x);
        CHECK(x.error == asio::error::eof);
        CHECK(x.bytes_sent == sent);
        CHECK(x.bytes_received == cut.size());
        CHECK(x.response_begun);
        CHECK_FALSE(client.usable());
    }
    client_side other(server);
    protocol::response response;
    net::exchange x(response);
    other.run(x);
    CHECK(x.error == asio::error::eof);
    CHECK(x.bytes_sent == sent);
    CHECK(x.bytes_received == 0);
    CHECK_FALSE(x.response_begun);
    CHECK(std::string(x.phase) == "waiting for a response from");
}

TEST_CASE("connection: the error for a malformed response says why and the connection closes") {
    raw_server server({raw_answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nevil\r\n",
                                  raw_answer::end::keep)});
    client_side client(server);
    protocol::response response;
    net::exchange x(response);
    client.run(x);
    CHECK(x.error == errc::bad_response);
    CHECK(net::describe(x, "host")
          == "reading the response from host: invalid response from the service (bad chunk)");
    CHECK_FALSE(client.usable());
}
