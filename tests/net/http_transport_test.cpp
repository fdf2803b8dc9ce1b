// The real transport against a real HTTP server on loopback.

#include "client/service_context.hpp"
#include "net/http_transport.hpp"
#include "store/store_impl.hpp"
#include "support/fixtures.hpp"
#include "support/http_server.hpp"
#include "support/run.hpp"

#include <azkv.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/asio/write.hpp>
#include <doctest/doctest.h>

#include <atomic>

using namespace azkv;
using namespace azkv::test;
using namespace std::chrono_literals;
using std::chrono::steady_clock;

namespace {

const credential key = test_credential();

http_reply ok() {
    http_reply r(200, entity_text);
    r.headers.emplace_back("Content-Type", "application/json");
    return r;
}

http_reply raw(std::string text, bool close = false) {
    http_reply r;
    r.raw = std::move(text);
    r.close = close;
    return r;
}

http_reply slow() {
    http_reply r = ok();
    r.delay = 1h;
    return r;
}

http_reply dropped() {
    http_reply r;
    r.drop = true;
    return r;
}

store_options quick() {
    return store_options().backoff(1ms, 1ms);
}

/// Runs `n` gets, one after the other.
asio::awaitable<void> get_often(store db, int n) {
    for (int i = 0; i < n; ++i) {
        const auto v = co_await db.get("k");
        REQUIRE(v);
    }
}

} // namespace

TEST_CASE("a thousand operations are a thousand requests over one connection") {
    std::atomic<int> writes{0};
    http_server server([&](const http_request& r) {
        if (r.method == "PUT") {
            ++writes;
            return http_reply(204);
        }
        return ok();
    });
    asio::io_context context;
    store db(context.get_executor(), server.endpoint(), key);
    const auto work = [](store s) -> asio::awaitable<void> {
        for (int i = 0; i < 500; ++i) {
            value v;
            v["i"] = i;
            co_await s.put("k", std::move(v));
            const auto got = co_await s.get("k");
            REQUIRE(got);
        }
    };
    run(context, work(db));
    CHECK(context.stopped()); // no work is left, although the connection stays open
    CHECK(server.requests() == 1000);
    CHECK(writes == 500);
    CHECK(server.connections() == 1);
}

TEST_CASE("concurrent operations share a bounded number of connections") {
    http_server server([](const http_request&) { return ok(); });
    asio::io_context context;
    store db(context.get_executor(), server.endpoint(), key, store_options().max_connections(4));
    int done = 0;
    for (int i = 0; i < 200; ++i)
        asio::co_spawn(context, get_often(db, 5), [&](std::exception_ptr e) { done += !e; });
    context.run();
    CHECK(done == 200);
    CHECK(server.requests() == 1000);
    CHECK(server.connections() == 4);
}

TEST_CASE("a connection that the peer has closed causes no error") {
    http_server server([&](const http_request&) {
        http_reply r = ok();
        r.close = true; // without announcing it
        return r;
    });
    asio::io_context context;
    store db(context.get_executor(), server.endpoint(), key, store_options().max_attempts(1));
    run(context, get_often(db, 20));
    CHECK(server.requests() == 20);
    CHECK(server.connections() == 20);
}

TEST_CASE("an erase over a lost connection is resolved") {
    std::atomic<int> deletes{0};
    http_server server([&](const http_request& r) {
        if (r.method != "DELETE") return ok();
        if (++deletes == 1) return dropped(); // applied, but without a response
        return http_reply(404, error_body("ResourceNotFound"));
    });
    asio::io_context context;
    store db(context.get_executor(), server.endpoint(), key, store_options().max_attempts(1));
    run(context, get_often(db, 1));
    CHECK(run(context, db.erase("k"))); // repeated quietly on a new connection
    CHECK(deletes == 2);
    CHECK_FALSE(run(context, db.erase("k")));
}

TEST_CASE("a quiet repeat happens once and not for a new connection") {
    http_server server([&](const http_request&) { return dropped(); });
    asio::io_context context;
    store db(context.get_executor(), server.endpoint(), key, store_options().max_attempts(1));
    const error e = failure_of([&] { run(context, db.get("k")); });
    CHECK(e.code() == condition::transient);
    CHECK(server.requests() == 1);
}

TEST_CASE("a connection stays idle no longer than the peer announced") {
    http_server server([&](const http_request&) {
        http_reply r = ok();
        r.headers.emplace_back("Keep-Alive", "timeout=1"); // less the safety margin of a second: at once
        return r;
    });
    asio::io_context context;
    store db(context.get_executor(), server.endpoint(), key);
    run(context, get_often(db, 3));
    CHECK(server.connections() == 3);
}

TEST_CASE("Connection: close is respected") {
    http_server server([&](const http_request&) {
        http_reply r = ok();
        r.headers.emplace_back("Connection", "close");
        return r;
    });
    asio::io_context context;
    store db(context.get_executor(), server.endpoint(), key);
    run(context, get_often(db, 3));
    CHECK(server.connections() == 3);
    CHECK(server.requests() == 3);
}

TEST_CASE("idle_timeout zero uses each connection once") {
    http_server server([&](const http_request&) { return ok(); });
    asio::io_context context;
    store db(context.get_executor(), server.endpoint(), key, store_options().idle_timeout(0ms));
    run(context, get_often(db, 3));
    CHECK(server.connections() == 3);
}

TEST_CASE("bodies of every framing") {
    const std::string json = entity_text;
    const std::string head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
    http_server server([&](const http_request& r) {
        if (contains(r.target, "chunked"))
            return raw(head + "Transfer-Encoding: chunked\r\n\r\n5;name=value\r\n" + json.substr(0, 5)
                       + "\r\n28\r\n" + json.substr(5) + "\r\n0\r\nTrailer: x\r\n\r\n");
        if (contains(r.target, "untilend")) return raw(head + "\r\n" + json, true);
        if (contains(r.target, "interim"))
            return raw("HTTP/1.1 100 Continue\r\n\r\n" + head + "Content-Length: 45\r\n\r\n" + json);
        return ok();
    });
    REQUIRE(json.size() == 45);
    asio::io_context context;
    store db(context.get_executor(), server.endpoint(), key);
    for (const char* table : {"chunked", "untilend", "interim", "length"}) {
        CAPTURE(table);
        const auto v = run(context, db.get("k", table));
        REQUIRE(v);
        CHECK(v->at("i") == 1);
    }
    CHECK(server.connections() == 2); // only the response without a length closed its connection
}

TEST_CASE("truncated bodies and malformed responses") {
    http_server server([&](const http_request& r) {
        if (contains(r.target, "short")) return raw("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", true);
        if (contains(r.target, "chunk"))
            return raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", true);
        if (contains(r.target, "header")) return raw("HTTP/1.1 200 OK\r\nContent-Le", true);
        if (contains(r.target, "many")) {
            std::string text = "HTTP/1.1 200 OK\r\n";
            for (int i = 0; i < 5000; ++i) text += "X-" + std::to_string(i) + ": 0123456789\r\n";
            return raw(text + "\r\n", true);
        }
        if (contains(r.target, "large"))
            return raw("HTTP/1.1 200 OK\r\nContent-Length: 9999999999\r\n\r\n", true);
        if (contains(r.target, "interim")) {
            std::string text;
            for (int i = 0; i < 50; ++i) text += "HTTP/1.1 100 Continue\r\n\r\n";
            return raw(text, true);
        }
        return raw("SSH-2.0-OpenSSH_9.2\r\n", true);
    });
    asio::io_context context;
    store db(context.get_executor(), server.endpoint(), key, quick().max_attempts(1));
    for (const char* k : {"chunk", "many", "large", "interim", "else"}) {
        CAPTURE(k);
        CHECK(failure_of([&] { run(context, db.get(k)); }).code() == errc::bad_response);
    }
    for (const char* k : {"short", "header"}) {
        CAPTURE(k);
        CHECK(failure_of([&] { run(context, db.get(k)); }).code() == condition::transient);
    }
}

TEST_CASE("large bodies in both directions") {
    std::string last;
    http_server server([&](const http_request& r) {
        if (r.method == "POST") {
            last = r.body;
            std::string answer = "--b\r\n\r\n";
            for (int i = 0; i < 35; ++i) answer += "--c\r\n\r\nHTTP/1.1 204 x\r\n\r\n\r\n";
            return http_reply(202, answer + "--c--\r\n--b--\r\n");
        }
        std::string rows;
        for (int i = 0; i < 1000; ++i)
            rows += (i ? "," : "") + std::string(R"({"PartitionKey":"default","RowKey":")")
                    + std::to_string(i) + R"(","text":")" + std::string(3000, 'x') + "\"}";
        return http_reply(200, "{\"value\":[" + rows + "]}");
    });
    asio::io_context context;
    store db(context.get_executor(), server.endpoint(), key);
    std::vector<std::pair<std::string, value>> pairs;
    for (int i = 0; i < 35; ++i) {
        value v;
        for (int m = 0; m < 4; ++m) v["m" + std::to_string(m)] = std::string(25'000, 'y');
        pairs.emplace_back("k" + std::to_string(i), std::move(v));
    }
    run(context, db.put_all(pairs));
    CHECK(last.size() > 3'500'000);
    CHECK(run(context, db.get_all()).size() == 1000);
}

TEST_CASE("max_response_size bounds what is read") {
    http_server server([&](const http_request&) {
        return http_reply(200, "{\"v\":\"" + std::string(100'000, 'x') + "\"}");
    });
    asio::io_context context;
    store db(context.get_executor(), server.endpoint(), key, store_options().max_response_size(64 * 1024));
    CHECK(failure_of([&] { run(context, db.get("k")); }).code() == errc::bad_response);
}

TEST_CASE("deadlines: attempt and call and connect") {
    http_server server([&](const http_request&) { return slow(); });
    asio::io_context context;
    store attempts(context.get_executor(), server.endpoint(), key,
                   quick().attempt_timeout(150ms).max_attempts(3));
    const error e = failure_of([&] { run(context, attempts.get("k")); });
    CHECK(e.code() == condition::timed_out);
    CHECK(contains(e.what(), "after 3 attempts"));
    CHECK(contains(e.what(), "waiting for a response from 127.0.0.1"));
    CHECK(server.requests() == 3);
    CHECK(server.connections() == 3);

    store whole(context.get_executor(), server.endpoint(), key, quick().timeout(150ms));
    CHECK(failure_of([&] { run(context, whole.get("k")); }).code() == condition::timed_out);
    CHECK(server.requests() == 4);

    // A listener that never accepts: its queue is full, so that connecting hangs.
    asio::ip::tcp::acceptor full(context, asio::ip::tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    full.listen(0);
    std::vector<asio::ip::tcp::socket> queue;
    for (int i = 0; i < 3; ++i) {
        queue.emplace_back(context);
        queue.back().async_connect(full.local_endpoint(), [](boost::system::error_code) {});
    }
    context.restart();
    context.poll();
    store never(context.get_executor(),
                "http://127.0.0.1:" + std::to_string(full.local_endpoint().port()) + "/a", key,
                quick().connect_timeout(150ms).max_attempts(1));
    std::exception_ptr failure;
    asio::co_spawn(context, never.get("k"), [&](std::exception_ptr f, auto) {
        failure = f;
        queue.clear();
    });
    context.restart();
    context.run();
    const error late = failure_of([&] { std::rethrow_exception(failure); });
    CHECK(late.code() == condition::timed_out);
    CHECK(contains(late.what(), "connecting to"));
}

TEST_CASE("waiting for a connection counts towards the deadline") {
    http_server server([&](const http_request&) { return slow(); });
    asio::io_context context;
    store db(context.get_executor(), server.endpoint(), key,
             quick().max_connections(1).timeout(30ms).max_attempts(1));
    int timed_out = 0;
    for (int i = 0; i < 3; ++i)
        asio::co_spawn(context, db.get("k"), [&](std::exception_ptr f, auto) {
            timed_out += failure_of([&] { std::rethrow_exception(f); }).code() == condition::timed_out;
        });
    context.run();
    CHECK(timed_out == 3);
}

TEST_CASE("no server listens") {
    asio::io_context context;
    asio::ip::tcp::acceptor gone(context, asio::ip::tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    const std::string url = "http://127.0.0.1:" + std::to_string(gone.local_endpoint().port()) + "/a";
    gone.close();
    store db(context.get_executor(), url, key, quick());
    const error e = failure_of([&] { run(context, db.get("k")); });
    CHECK(e.code() == asio::error::connection_refused);
    CHECK(contains(e.what(), "get \"k\" in \"data\": connecting to 127.0.0.1"));
    CHECK_FALSE(contains(e.what(), ".hpp"));
}

TEST_CASE("host names are looked up") {
    http_server server([](const http_request&) { return ok(); });
    asio::io_context context;
    store db(context.get_executor(), "http://localhost:" + std::to_string(server.port()) + "/acct", key);
    run(context, get_often(db, 2));
    CHECK(server.connections() == 1);
    store nowhere(context.get_executor(), "https://no-such-host.invalid", key, quick().max_attempts(1));
    const error e = failure_of([&] { run(context, nowhere.get("k")); });
    CHECK(contains(e.what(), "looking up no-such-host.invalid"));
}

TEST_CASE("cancellation ends a call at once at any point") {
    http_server server(
        [](const http_request& r) { return contains(r.target, "busy") ? http_reply(503) : slow(); });
    asio::io_context context;
    store db(context.get_executor(), server.endpoint(), key,
             store_options()
                 .max_connections(1)
                 .backoff(std::chrono::hours(1), std::chrono::hours(1))
                 .timeout(24h));
    const auto cancelled = [&](std::string k) {
        asio::cancellation_signal signal;
        std::exception_ptr failure;
        asio::co_spawn(
            context, db.get(k),
            asio::bind_cancellation_slot(signal.slot(), [&](std::exception_ptr f, auto) { failure = f; }));
        context.restart();
        context.run_for(150ms); // until the response, or the pause, is awaited
        CHECK_FALSE(failure);
        const auto before = steady_clock::now();
        signal.emit(asio::cancellation_type::terminal);
        context.run();
        CHECK(steady_clock::now() - before < 1s);
        REQUIRE(failure);
        try {
            std::rethrow_exception(failure);
        } catch (const boost::system::system_error& e) {
            CHECK(e.code() == asio::error::operation_aborted);
        }
    };
    cancelled("slow"); // during the wait for the response
    cancelled("busy"); // during the pause before a retry
    CHECK(server.requests() == 2);

    // In the queue for the only connection.
    asio::cancellation_signal first, second;
    int ended = 0;
    const auto count = [&](std::exception_ptr f, auto) { ended += f != nullptr; };
    asio::co_spawn(context, db.get("slow"), asio::bind_cancellation_slot(first.slot(), count));
    asio::co_spawn(context, db.get("slow"), asio::bind_cancellation_slot(second.slot(), count));
    context.restart();
    context.run_for(30ms);
    second.emit(asio::cancellation_type::terminal);
    context.run_for(10ms);
    CHECK(ended == 1);
    first.emit(asio::cancellation_type::terminal);
    context.run();
    CHECK(ended == 2);
}

TEST_CASE("other kinds of cancellation do not affect a call") {
    http_server server([](const http_request&) {
        http_reply r = ok();
        r.delay = 20ms;
        return r;
    });
    asio::io_context context;
    store db(context.get_executor(), server.endpoint(), key);
    asio::cancellation_signal signal;
    bool found = false;
    asio::co_spawn(context, db.get("k"),
                   asio::bind_cancellation_slot(signal.slot(),
                                                [&](std::exception_ptr, auto v) { found = v.has_value(); }));
    context.run_for(5ms);
    signal.emit(asio::cancellation_type::total);
    context.run();
    CHECK(found);
}

TEST_CASE("a store and its context may be destroyed during calls") {
    http_server server([](const http_request&) { return slow(); });
    for (int i = 0; i < 20; ++i) {
        asio::io_context context;
        auto db = std::make_unique<store>(context.get_executor(), server.endpoint(), key,
                                          store_options().max_connections(2));
        for (int n = 0; n < 5; ++n) asio::co_spawn(context, db->get("k"), asio::detached);
        asio::co_spawn(context, db->put_all({{"k", value()}}), asio::detached);
        if (i % 2) db.reset(); // its operations keep what they need
        for (int n = 0; n < i * 3; ++n) context.poll_one();
        if (i % 3 == 0) context.run_for(2ms);
    }
    for (int i = 0; i < 500 && server.open_connections() > 0; ++i) std::this_thread::sleep_for(2ms);
    CHECK(server.open_connections() == 0);
}

TEST_CASE("a store may be destroyed before its last operation") {
    http_server server([](const http_request&) { return ok(); });
    asio::io_context context;
    asio::awaitable<std::optional<value>> op = store(context.get_executor(), server.endpoint(), key).get("k");
    CHECK(run(context, std::move(op)));
    for (int i = 0; i < 500 && server.open_connections() > 0; ++i) std::this_thread::sleep_for(2ms);
    CHECK(server.open_connections() == 0);
}

TEST_CASE("one store with many threads and a caller on another context") {
    http_server server([](const http_request&) { return ok(); });
    std::atomic<int> done{0};
    {
        asio::thread_pool threads(4);
        store db(threads.get_executor(), server.endpoint(), key, store_options().max_connections(8));
        for (int i = 0; i < 40; ++i)
            asio::co_spawn(threads, get_often(db, 10), [&](std::exception_ptr e) { done += !e; });
        asio::io_context other; // resumes here, although the store runs on the pool
        const auto id = std::this_thread::get_id();
        bool same_thread = false;
        const auto call = [&](store s) -> asio::awaitable<void> {
            for (int i = 0; i < 20; ++i) {
                const auto v = co_await s.get("k");
                same_thread = v && std::this_thread::get_id() == id;
            }
        };
        run(other, call(db));
        CHECK(same_thread);
        threads.wait();
    }
    CHECK(done == 40);
    CHECK(server.requests() == 420);
    CHECK(server.connections() <= 8);
}

TEST_CASE("cancellation from many threads at once") {
    http_server server([](const http_request&) { return ok(); });
    asio::thread_pool threads(4);
    store db(threads.get_executor(), server.endpoint(), key, store_options().max_connections(3));

    class caller {
    public:
        explicit caller(const asio::any_io_executor& ex) : strand(asio::make_strand(ex)) {}

        asio::strand<asio::any_io_executor> strand;
        asio::cancellation_signal signal;
    };

    std::atomic<int> ended{0};
    for (int i = 0; i < 300; ++i) {
        const auto c = std::make_shared<caller>(threads.get_executor());
        asio::co_spawn(
            c->strand, get_often(db, 5),
            asio::bind_cancellation_slot(c->signal.slot(), [&ended, c](std::exception_ptr) { ++ended; }));
        const auto timer =
            std::make_shared<asio::steady_timer>(c->strand, std::chrono::microseconds(i * 37 % 5000));
        timer->async_wait(
            [c, timer](boost::system::error_code) { c->signal.emit(asio::cancellation_type::terminal); });
    }
    threads.join();
    CHECK(ended == 300);
}

TEST_CASE("a pooled connection runs on the store's executor and not on the caller's") {
    http_server server([](const http_request&) { return ok(); });
    asio::thread_pool threads(1);
    {
        store db(threads.get_executor(), server.endpoint(), key);
        for (int i = 0; i < 3; ++i) {
            asio::io_context callers;
            CHECK(run(callers, db.get("k")));
        }
        CHECK(server.connections() == 1);
    }
    threads.join();
}

TEST_CASE("any completion token works through co_spawn") {
    http_server server([](const http_request&) { return ok(); });
    asio::thread_pool threads(1);
    store db(threads.get_executor(), server.endpoint(), key);
    auto future = asio::co_spawn(threads, db.get("k"), asio::use_future);
    CHECK(future.get());
    threads.join();
}

TEST_CASE("unsolicited bytes are not taken for a response") {
    http_server server([](const http_request& r) {
        const std::string n = r.target.substr(r.target.find("RowKey='") + 8, 1);
        const std::string body = R"({"PartitionKey":"default","RowKey":")" + n + R"(","i":)" + n + "}";
        const std::string answer =
            "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
        const std::string stray = "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n{\"i\":9}";
        http_reply reply = raw(answer);
        reply.afterwards = stray;
        return reply;
    });
    asio::io_context context;
    store db(context.get_executor(), server.endpoint(), key);
    for (int i = 1; i <= 3; ++i) {
        const auto v = run(context, db.get(std::to_string(i)));
        REQUIRE(v);
        CHECK(v->at("i") == i);
        wait_until([&] { return server.strays() >= static_cast<std::size_t>(i); });
    }
    CHECK(server.connections() == 3);
}

TEST_CASE("a response before the whole request was sent counts unless it is a success") {
    // The server reads only the head, responds, and closes.
    std::string answer;
    bool success = false;
    SUBCASE("refusal") {
        answer = "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    }
    SUBCASE("success") {
        success = true;
        std::string body = "--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n";
        for (int i = 0; i < 35; ++i) body += "--c\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n\r\n";
        body += "--c--\r\n--b--\r\n";
        answer = "HTTP/1.1 202 Accepted\r\nContent-Type: multipart/mixed; boundary=b\r\nContent-Length: "
                 + std::to_string(body.size()) + "\r\n\r\n" + body;
    }
    asio::io_context context;
    asio::ip::tcp::acceptor acceptor(context, asio::ip::tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    acceptor.set_option(
        asio::socket_base::receive_buffer_size(4096)); // so that the request is sent only in part
    const auto serve = [&]() -> asio::awaitable<void> {
        asio::ip::tcp::socket socket = co_await acceptor.async_accept(asio::use_awaitable);
        std::string head(512, '\0');
        co_await socket.async_read_some(asio::buffer(head), asio::use_awaitable);
        co_await asio::async_write(socket, asio::buffer(answer), asio::use_awaitable);
        socket.shutdown(asio::socket_base::shutdown_send);
        asio::steady_timer drained(context, 20ms); // so that the reset does not overtake the response
        co_await drained.async_wait(asio::use_awaitable);
    };
    store db(context.get_executor(),
             "http://127.0.0.1:" + std::to_string(acceptor.local_endpoint().port()) + "/a", key,
             quick().max_attempts(1));
    std::vector<std::pair<std::string, value>> pairs;
    for (int i = 0; i < 35; ++i) {
        value v;
        for (int m = 0; m < 4; ++m) v["m" + std::to_string(m)] = std::string(25'000, 'y');
        pairs.emplace_back("k" + std::to_string(i), std::move(v));
    }
    asio::co_spawn(context, serve(), asio::detached);
    const error e = failure_of([&] { run(context, db.put_all(pairs)); });
    if (success) {
        CHECK(e.code() == condition::transient);
        CHECK(e.outcome_unknown());
    } else {
        CHECK(e.status() == 413);
        CHECK(e.code() == errc::too_large);
    }
}

TEST_CASE("a caller that disables Asio's exceptions is cancelled all the same") {
    http_server server([](const http_request&) { return slow(); });
    asio::io_context context;
    store db(context.get_executor(), server.endpoint(), key);
    asio::cancellation_signal signal;
    std::exception_ptr failure;
    const auto stubborn = [&]() -> asio::awaitable<void> {
        co_await asio::this_coro::throw_if_cancelled(false);
        asio::steady_timer timer(context, 5ms);
        boost::system::error_code ignored;
        co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
        co_await db.get("k");
    };
    asio::co_spawn(context, stubborn(),
                   asio::bind_cancellation_slot(signal.slot(), [&](std::exception_ptr e) { failure = e; }));
    context.poll();
    signal.emit(asio::cancellation_type::terminal); // before the operation begins
    context.run();
    REQUIRE(failure);
    try {
        std::rethrow_exception(failure);
    } catch (const boost::system::system_error& e) {
        CHECK(e.code() == asio::error::operation_aborted);
    }
    CHECK(server.requests() == 0);
}
