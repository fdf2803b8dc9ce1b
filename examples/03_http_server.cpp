// A key-value service over HTTP: several threads and many sessions share one store.
//
//   PUT /KEY with a JSON object · GET /KEY · DELETE /KEY
//
//   03_http_server [PORT]        default: 0, which takes a free port and prints it

#include <azkv.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <string>

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;
using request = http::request<http::string_body>;
using response = http::response<http::string_body>;

// Responds to one request. Copies of a store share its connections, so each session has its own copy.
asio::awaitable<response> respond(azkv::store db, const request& r) {
    response out(http::status::no_content, r.version());
    const auto url = boost::urls::parse_origin_form(r.target());
    const std::string key = url ? std::string(url->path()).substr(1) : std::string();
    try {
        if (key.empty()) {
            out.result(http::status::bad_request);
        } else if (r.method() == http::verb::put) {
            azkv::value value = azkv::parse_value(r.body());
            co_await db.put(key, std::move(value), "served");
        } else if (r.method() == http::verb::get) {
            const std::optional<azkv::value> found = co_await db.get(key, "served");
            out.result(found ? http::status::ok : http::status::not_found);
            if (found) out.body() = azkv::serialize_value(*found) + '\n';
        } else if (r.method() == http::verb::delete_) {
            const bool was_there = co_await db.erase(key, "served");
            out.result(was_there ? http::status::no_content : http::status::not_found);
        } else {
            out.result(http::status::method_not_allowed);
        }
    } catch (const azkv::error& e) {
        const bool bad_request = e.code() == azkv::condition::invalid_argument;
        out.result(bad_request ? http::status::bad_request : http::status::bad_gateway);
        out.body() = std::string(e.what()) + '\n'; // one line, without secrets
    }
    out.keep_alive(r.keep_alive());
    if (out.result() != http::status::no_content) out.prepare_payload();
    co_return out;
}

asio::awaitable<void> session(tcp::socket socket, azkv::store db) {
    boost::beast::flat_buffer buffer;
    for (bool open = true; open;) {
        request r;
        co_await http::async_read(socket, buffer, r, asio::use_awaitable);
        const response out = co_await respond(db, r);
        open = out.keep_alive();
        co_await http::async_write(socket, out, asio::use_awaitable);
    }
}

asio::awaitable<void> listen(tcp::acceptor acceptor, azkv::store db) {
    const auto executor = acceptor.get_executor();
    for (;;) {
        // On a strand: several threads run the executor, and a coroutine must not run on one of them while
        // another cancels it, by a signal or by `||`.
        tcp::socket socket = co_await acceptor.async_accept(asio::make_strand(executor), asio::use_awaitable);
        const auto session_executor = socket.get_executor();
        asio::co_spawn(session_executor, session(std::move(socket), db), asio::detached);
    }
}

int main(int argc, char** argv) {
    try {
        const char* const service = std::getenv("AZKV_CONNECTION_STRING");
        const int port = argc > 1 ? std::stoi(argv[1]) : 0;
        asio::thread_pool threads(4);
        auto db = azkv::store::from_connection_string(threads.get_executor(),
                                                      service ? service : "UseDevelopmentStorage=true");
        tcp::acceptor acceptor(threads,
                               {asio::ip::address_v4::loopback(), static_cast<asio::ip::port_type>(port)});
        std::cout << "listening on " << acceptor.local_endpoint() << std::endl;
        asio::co_spawn(threads, listen(std::move(acceptor), db), asio::detached);
        asio::signal_set signals(threads, SIGINT, SIGTERM);
        signals.async_wait([&](auto, int) {
            signals.clear(); // a second signal ends the program at once
            asio::co_spawn(threads, db.close(std::chrono::seconds(5)), [&](auto, bool) { threads.stop(); });
        });
        threads.join();
    } catch (const std::exception& e) {
        std::cerr << e.what() << '\n';
        return EXIT_FAILURE;
    }
}
