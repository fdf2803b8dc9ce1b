#include "protocol/connection_string.hpp"
#include "support/certificates.hpp"
#include "support/run.hpp"
#include "support/temporary_directory.hpp"

#include <azkv.hpp>
#include <azkv/emulator.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/asio/write.hpp>
#include <doctest/doctest.h>

#include <atomic>
#include <fcntl.h>
#include <filesystem>
#include <future>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace azkv;
using namespace azkv::test;
using namespace std::chrono_literals;
using boost::asio::ip::tcp;

namespace {

value number(int n) {
    value v;
    v["n"] = n;
    return v;
}

store_options once() {
    return store_options().max_attempts(1);
}

store_options patient() {
    return store_options().max_attempts(6).backoff(1ms, 2ms);
}

blocking_store store_of(const emulator& e, store_options o = {}) {
    return blocking_store::from_connection_string(e.connection_string(), std::move(o));
}

template <class Stream>
std::string converse(Stream& stream, const std::string& sent) {
    asio::write(stream, asio::buffer(sent));
    std::string received;
    boost::system::error_code ec;
    asio::read(stream, asio::dynamic_buffer(received), ec);
    return received;
}

// Sends that over a new connection, and returns all that arrives until the connection ends.
std::string send(const emulator& e, const std::string& text) {
    asio::io_context context;
    tcp::socket socket(context);
    socket.connect({asio::ip::address_v4::loopback(), e.port()});
    return converse(socket, text);
}

std::string head(const std::string& request_line, const std::string& headers = {}) {
    return request_line + " HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/json\r\nConnection: close\r\n"
           + headers + "\r\n";
}

// A client over TLS, one connection after the other.
class tls_client {
public:
    tls_client() : tls_(asio::ssl::context::tls_client) {}

    std::string send(const emulator& e, const std::string& text, SSL_SESSION* earlier = nullptr) {
        asio::ssl::stream<tcp::socket> stream(context_, tls_);
        stream.lowest_layer().connect({asio::ip::address_v4::loopback(), e.port()});
        if (earlier) SSL_set_session(stream.native_handle(), earlier);
        stream.handshake(asio::ssl::stream_base::client);
        std::string received = converse(stream, text);
        if (session_) SSL_SESSION_free(session_);
        session_ = SSL_get1_session(stream.native_handle());
        boost::system::error_code ignored;
        stream.shutdown(ignored); // a session that ends otherwise is not resumed
        return received;
    }

    ~tls_client() {
        if (session_) SSL_SESSION_free(session_);
    }

    SSL_SESSION* session() { return session_; }

private:
    asio::io_context context_;
    asio::ssl::context tls_;
    SSL_SESSION* session_ = nullptr;
};

} // namespace

TEST_CASE("an emulator starts in one line and any store can use it") {
    for (const auto mode : {service_mode::storage, service_mode::cosmos}) {
        emulator service(emulator_options().mode(mode));
        blocking_store db = store_of(service); // detects the mode by itself
        db.put("id", {{"id", 1}, {"etag", 2}});
        CHECK(db.get("id") == value{{"id", 1}, {"etag", 2}});
        CHECK(db.erase("id"));
        CHECK(service.mode() == mode);
        CHECK(contains(service.endpoint(), std::to_string(service.port())));
        const emulator_counters c = service.counters();
        CHECK(c.requests == 5); // two more to create the table
        CHECK(c.connections == 1);
        CHECK(c.open_connections == 1);
        CHECK(c.faults == 0);
        CHECK(c.handshakes == 0);
    }
}

TEST_CASE("two emulators share nothing") {
    emulator one;
    emulator two;
    CHECK(one.port() != two.port());
    store_of(one).put("k", number(1));
    CHECK_FALSE(store_of(two).get("k"));
    one = std::move(two); // stops the first
    CHECK_FALSE(store_of(one).get("k"));
}

TEST_CASE("on the caller's executor no work is left after stop") {
    asio::io_context context;
    emulator service(context.get_executor());
    auto db = store::from_connection_string(context.get_executor(), service.connection_string());
    std::optional<value> found;
    asio::co_spawn(
        context,
        [&]() -> asio::awaitable<void> {
            const value v = number(7);
            co_await db.put("k", v);
            found = co_await db.get("k");
            service.stop();
        },
        [](std::exception_ptr e) { CHECK(e == nullptr); });
    context.run(); // returns
    CHECK(found == number(7));
    CHECK(service.counters().open_connections == 0);

    // The caller learns that another process has taken the port meanwhile.
    context.restart();
    context.run();
    {
        emulator other(emulator_options().port(service.port()));
        CHECK_THROWS_AS(service.start(), boost::system::system_error);
    }
    // An executor that never runs again does no harm.
    service.start();
    context.restart();
    context.poll();
    service.stop();
}

TEST_CASE("several threads run its executor") {
    asio::io_context context;
    std::optional<emulator> service(std::in_place, context.get_executor());
    auto db = store::from_connection_string(context.get_executor(), service->connection_string());
    std::vector<std::thread> threads;
    std::vector<std::future<etag>> writes;
    for (int i = 0; i < 64; ++i)
        writes.push_back(
            asio::co_spawn(context, db.put("k" + std::to_string(i), number(i)), asio::use_future));
    auto work = asio::make_work_guard(context);
    for (int i = 0; i < 4; ++i) threads.emplace_back([&] { context.run(); });
    for (auto& w : writes) CHECK_NOTHROW(w.get());
    CHECK(asio::co_spawn(context, db.get_all(), asio::use_future).get().size() == 64);
    service.reset();
    work.reset();
    for (auto& t : threads) t.join();
}

TEST_CASE("an insert whose response is lost is refused by an old row") {
    auto offset = std::make_shared<std::atomic<int>>(-60);
    emulator service(emulator_options().clock(
        [offset] { return std::chrono::system_clock::now() + std::chrono::seconds(offset->load()); }));
    auto db = store_of(service);
    db.put("k", number(1));
    *offset = 0;
    service.faults(fault_plan().then(fault::lose_answer()));
    CHECK(db.insert("k", number(2)).why() == conflict::exists);
    CHECK(db.get("k") == number(1));
    // It cannot tell from a young one: that may have replaced its own.
    db.put("k", number(1));
    service.faults(fault_plan().then(fault::lose_answer()));
    const error e = failure_of([&] { static_cast<void>(db.insert("k", number(2))); });
    CHECK(e.outcome_unknown());
}

TEST_CASE("a directory's contents are there for the next emulator") {
    const temporary_directory there;
    etag written;
    {
        emulator service(emulator_options().directory(there.path() + "/new/one"));
        written = store_of(service).put("k", number(1));
        // One at a time.
        try {
            emulator other(emulator_options().directory(there.path() + "/new/one"));
            FAIL("two have the same directory");
        } catch (const std::runtime_error& e) {
            CHECK(contains(e.what(), there.path()));
        }
    }
    emulator service(emulator_options().directory(there.path() + "/new/one"));
    const auto kept = store_of(service).get_entry("k");
    REQUIRE(kept);
    CHECK(kept->value() == number(1));
    CHECK(kept->etag() == written);
}

TEST_CASE("a service that stops and starts again") {
    emulator service;
    blocking_store db = store_of(service, once());
    db.put("k", number(1));
    service.stop();
    CHECK(service.counters().open_connections == 0);
    const auto e = failure_of([&] { return db.get("k"); });
    CHECK(e.code() == condition::transient);
    service.stop(); // again: no effect
    service.start();
    service.start();
    CHECK(db.get("k") == number(1)); // at the same port, with its tables
}

TEST_CASE("invalid options are rejected at once") {
    emulator service;
    try {
        emulator other(emulator_options().port(service.port()));
        FAIL("two have the same port");
    } catch (const boost::system::system_error& e) {
        CHECK(e.code() == boost::asio::error::address_in_use);
        CHECK(contains(e.what(), "cannot listen on 127.0.0.1:" + std::to_string(service.port()) + ": "));
    }
    const auto refused = [](auto f) { return failure_of(f).code() == errc::invalid_argument; };
    CHECK(refused([] { emulator_options().account("acct", "no base64"); }));
    CHECK(refused([] {
        emulator_options().account("a;b", std::string(protocol::development_account().key.reveal()));
    }));
    CHECK(refused(
        [] { emulator_options().account("", std::string(protocol::development_account().key.reveal())); }));
    CHECK(refused([] { emulator_options().tls("", ""); }));
    CHECK(refused([] { emulator_options().clock({}); }));
    CHECK(refused([] { emulator_options().bearer({}); }));
    CHECK(refused([] { emulator e(emulator_options().directory("/dev/null/x")); }));
    const certificate c = self_signed("127.0.0.1");
    const auto why = [](const std::string& chain, const std::string& key) {
        return std::string(failure_of([&] { emulator e(emulator_options().tls(chain, key)); }).what());
    };
    CHECK(contains(why("cert.pem", c.key),
                   "the certificate cannot be used; it must be the text of a PEM file"));
    CHECK(contains(why(c.chain, "key.pem"), "the certificate's key"));
    // No prompt asks for its passphrase.
    const std::string encrypted =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    CHECK(contains(why(c.chain, encrypted), "must not be encrypted"));
}

TEST_CASE("emulator over TLS resumes sessions") {
    const certificate c = self_signed("127.0.0.1");
    const temporary_file ca(c.chain);
    emulator service(emulator_options().tls(c.chain, c.key));
    CHECK(contains(service.endpoint(), "https://"));
    blocking_store db = store_of(service, store_options().tls(tls_options().ca_file(ca.path())));
    db.put("k", number(1));
    CHECK(db.get("k") == number(1));
    CHECK(service.counters().handshakes == 1);

    tls_client client;
    CHECK(contains(client.send(service, head("GET /devstoreaccount1/Tables")), "403 Forbidden"));
    CHECK(service.counters().resumed_handshakes == 0);
    CHECK(contains(client.send(service, head("GET /devstoreaccount1/Tables"), client.session()),
                   "403 Forbidden"));
    CHECK(service.counters().handshakes == 3);
    CHECK(service.counters().resumed_handshakes == 1);
    CHECK(send(service, head("GET /devstoreaccount1/Tables")).find("HTTP/1.1 200") == std::string::npos);
}

TEST_CASE("the caller judges bearer tokens and only over TLS") {
    std::vector<std::string> seen;
    const auto judge = [&](std::string_view token) {
        seen.emplace_back(token);
        return token == "good";
    };
    const certificate c = self_signed("127.0.0.1");
    emulator secure(emulator_options().tls(c.chain, c.key).bearer(judge));
    tls_client client;
    const std::string tables = "GET /devstoreaccount1/Tables";
    CHECK(contains(client.send(secure, head(tables, "Authorization: Bearer good\r\n")), "HTTP/1.1 200 OK"));
    const std::string refused = client.send(secure, head(tables, "Authorization: Bearer bad\r\n"));
    CHECK(contains(refused, "HTTP/1.1 401 Unauthorized"));
    CHECK(contains(refused, "WWW-Authenticate: Bearer authorization_uri="));
    CHECK(seen == std::vector<std::string>{"good", "bad"});

    emulator plain(emulator_options().bearer(judge));
    CHECK(contains(send(plain, head(tables, "Authorization: Bearer good\r\n")), "HTTP/1.1 403 Forbidden"));
    CHECK(seen.size() == 2);
}

TEST_CASE("the clock is the caller's") {
    const auto at = [](std::chrono::minutes ahead) {
        return emulator_options().clock([=] { return std::chrono::system_clock::now() + ahead; });
    };
    emulator close(at(-14min));
    store_of(close).put("k", number(1));
    for (entry& e : store_of(close).query("")) {
        const auto age = std::chrono::system_clock::now() - e.timestamp();
        CHECK(age > 13min);
        CHECK(age < 15min);
    }
    for (const auto ahead : {-16min, 16min}) {
        emulator far(at(ahead));
        const error e = failure_of([&] { return store_of(far).get("k"); });
        CHECK(e.code() == errc::forbidden);
        CHECK(e.service_code() == "AuthenticationFailed");
        CHECK(contains(e.server_message(), "Request date header"));
    }
    emulator broken(emulator_options().clock([]() -> std::chrono::system_clock::time_point {
        throw std::runtime_error("the clock has stopped");
    }));
    CHECK(send(broken, head("GET /devstoreaccount1/Tables")).empty());
    CHECK(broken.counters().requests == 1); // and it still runs
    CHECK(send(broken, head("GET /devstoreaccount1/Tables")).empty());
}

TEST_CASE("faults: responses") {
    emulator service;
    blocking_store db = store_of(service, once());
    db.put("k", number(1));

    service.faults(
        fault_plan().then(fault::answer(503, "ServerBusy", "too busy").header("Retry-After", "0")));
    const error busy = failure_of([&] { db.put("k", number(2)); });
    CHECK(busy.code() == condition::throttled);
    CHECK(busy.status() == 503);
    CHECK(busy.service_code() == "ServerBusy");
    CHECK(contains(busy.server_message(), "too busy"));
    CHECK(db.get("k") == number(1)); // it was not applied

    service.faults(fault_plan().then(fault::answer_body(502, "<html>Bad gateway</html>")));
    const error gateway = failure_of([&] { db.put("k", number(2)); });
    CHECK(gateway.status() == 502);
    CHECK(gateway.service_code().empty());
    CHECK(db.get("k") == number(1));
    service.faults(fault_plan().then(fault::answer_body(502, "gone", "text/plain")));
    const std::string raw = send(service, head("GET /devstoreaccount1/Tables"));
    CHECK(contains(raw, "HTTP/1.1 502 Bad Gateway\r\n"));
    CHECK(contains(raw, "Content-Type: text/plain\r\n"));
    CHECK(raw.ends_with("\r\n\r\ngone"));

    service.faults(fault_plan().then(fault::garbage()));
    CHECK(failure_of([&] { db.put("k", number(2)); }).code() == errc::bad_response);
    CHECK(db.get("k") == number(1));

    service.faults(fault_plan().then(fault::answer_in_batch(429, "TooManyRequests"), 2));
    const error hidden = failure_of([&] { db.put_all({{"a", number(1)}, {"b", number(1)}}); });
    CHECK(hidden.code() == condition::throttled);
    CHECK(hidden.status() == 429);
    CHECK(failure_of([&] { return db.get("a"); }).status() == 429); // not a batch: visible
    CHECK_FALSE(db.get("a"));
    CHECK(service.counters().faults == 6);
    CHECK(service.counters().open_connections == 1);
}

TEST_CASE("faults: requests applied without a response and requests not applied") {
    class expectation {
    public:
        fault what;
        bool done;
    };

    const std::vector<expectation> faults{{fault::close(), false},
                                          {fault::reset(), false},
                                          {fault::cut_request(0), false},
                                          {fault::cut_request(40), false},
                                          {fault::cut_request(100'000), false},
                                          {fault::lose_answer(), true},
                                          {fault::cut_answer(1), true},
                                          {fault::cut_answer(60), true}};
    for (std::size_t i = 0; i < faults.size(); ++i) {
        CAPTURE(i);
        emulator service;
        // One connection for each request: the quiet repeat over a new one is not under test.
        blocking_store db = store_of(service, once().idle_timeout(0ms));
        db.put("k", number(1));
        service.faults(fault_plan().then(faults[i].what));
        CHECK(failure_of([&] { db.put("k", number(2)); }).code() != errc::invalid_argument);
        CHECK(service.counters().faults == 1);
        CHECK(db.get("k") == number(faults[i].done ? 2 : 1));

        service.faults(fault_plan().then(faults[i].what));
        store_of(service, patient()).put("k", number(3)); // retried, with success
        CHECK(db.get("k") == number(3));
    }
}

TEST_CASE("faults: a response may be cut after every byte") {
    emulator service;
    blocking_store db = store_of(service, once().idle_timeout(0ms));
    db.put("k", number(1));
    const std::string whole = send(service, head("GET /devstoreaccount1/Tables"));
    for (std::size_t n = 0; n < whole.size(); ++n) {
        service.faults(fault_plan().then(fault::cut_answer(n)));
        const std::string part = send(service, head("GET /devstoreaccount1/Tables"));
        REQUIRE(part.size() == n); // of a response that differs only in its ids and times
        REQUIRE(part.substr(0, 20) == whole.substr(0, std::min<std::size_t>(n, 20)));
    }
}

TEST_CASE("faults: late and slow and closed after the response") {
    emulator service;
    blocking_store db = store_of(service, once());
    db.put("k", number(1));
    const auto time_of = [](auto f) {
        const auto begin = std::chrono::steady_clock::now();
        f();
        return std::chrono::steady_clock::now() - begin;
    };
    service.faults(fault_plan().then(fault::delay(30ms)).then(fault::close().after(30ms)));
    CHECK(time_of([&] { CHECK(db.get("k") == number(1)); }) >= 30ms);
    CHECK(time_of([&] { static_cast<void>(store_of(service, patient()).get("k")); }) >= 30ms);

    service.faults(fault_plan().then(fault::trickle(7, 0ms)).then(fault::trickle(200, 5ms)));
    CHECK(db.get("k") == number(1));
    CHECK(time_of([&] { CHECK(db.get("k") == number(1)); }) >= 10ms);

    service.faults(fault_plan().then(fault::close_after(), 3));
    const auto before = service.counters().connections;
    for (int i = 0; i < 4; ++i) CHECK(db.get("k") == number(1));
    CHECK(service.counters().connections == before + 3);
}

TEST_CASE("faults: pages cut short or empty still return each row once") {
    for (const auto mode : {service_mode::storage, service_mode::cosmos}) {
        emulator service(emulator_options().mode(mode));
        blocking_store db = store_of(service);
        std::vector<std::pair<std::string, value>> pairs;
        for (int i = 0; i < 250; ++i) pairs.emplace_back("k" + std::to_string(i), number(i));
        db.put_all(pairs);
        service.faults(fault_plan()
                           .then(fault::short_page(0), 2)
                           .then(fault::short_page(1), 2)
                           .then(fault::short_page(100)));
        const auto before = service.counters().requests;
        CHECK(db.get_all().size() == 250);
        CHECK(service.counters().requests == before + 6);
        CHECK(service.counters().faults == 5);
    }
}

TEST_CASE("faults by chance: no acknowledged write is lost") {
    for (const auto mode : {service_mode::storage, service_mode::cosmos}) {
        emulator service(emulator_options().mode(mode));
        const auto plan = fault_plan(7)
                              .sometimes(0.03, fault::reset())
                              .sometimes(0.03, fault::lose_answer())
                              .sometimes(0.03, fault::cut_answer(30))
                              .sometimes(0.03, fault::answer(500, "InternalError"))
                              .sometimes(0.03, fault::cut_request(50));
        blocking_store db = store_of(service, patient().max_attempts(30));
        service.faults(plan);
        for (int i = 0; i < 300; ++i) db.put("k" + std::to_string(i), number(i));
        service.faults(fault_plan());
        const auto all = db.get_all();
        CHECK(all.size() == 300);
        for (int i = 0; i < 300; ++i) CHECK(all.at("k" + std::to_string(i)) == number(i));
        CHECK(service.counters().faults > 15);
    }
}

TEST_CASE("a condition that throws closes the connection but not the service") {
    emulator service;
    blocking_store db = store_of(service, once());
    db.put("k", number(1));
    service.faults(fault_plan().then(
        fault::reset().only_if([](std::string_view, std::string_view) -> bool { throw 1; })));
    CHECK_THROWS_AS(db.get("k"), error);
    service.faults(fault_plan());
    CHECK(db.get("k") == number(1));
}

TEST_CASE("a condition may change the plan") {
    emulator service;
    blocking_store db = store_of(service, once().idle_timeout(0ms));
    db.put("k", number(1));
    const auto and_no_more = [&](std::string_view, std::string_view) {
        service.faults();
        return service.counters().requests > 0;
    };
    service.faults(fault_plan().then(fault::answer(500, std::string(100, 'a')).only_if(and_no_more), 5));
    CHECK(failure_of([&] { return db.get("k"); }).status() == 500);
    CHECK(db.get("k") == number(1));
    service.faults(fault_plan().sometimes(1, fault::answer(500, std::string(100, 'a')).only_if(and_no_more)));
    CHECK(failure_of([&] { return db.get("k"); }).status() == 500);
    CHECK(db.get("k") == number(1));
}

TEST_CASE("the emulator may be stopped and destroyed on its own thread") {
    std::promise<void> gone;
    auto service = std::make_unique<emulator>();
    const std::string connection_string = service->connection_string();
    service->faults(fault_plan().then(fault::close().only_if([&](std::string_view, std::string_view) {
        service->stop();
        service.reset();
        gone.set_value();
        return true;
    })));
    CHECK_THROWS_AS(blocking_store::from_connection_string(connection_string, once()).get("k"), error);
    CHECK(gone.get_future().wait_for(10s) == std::future_status::ready);
}

TEST_CASE("child processes started meanwhile do not keep the port open") {
    emulator service;
    store_of(service).put("k", number(1));
    int open_there = 0;
    for (const auto& file : std::filesystem::directory_iterator("/proc/self/fd")) {
        std::error_code gone;
        const auto target = std::filesystem::read_symlink(file.path(), gone).string();
        if (target.starts_with("socket:"))
            open_there += (::fcntl(std::stoi(file.path().filename()), F_GETFD) & FD_CLOEXEC) == 0;
    }
    CHECK(open_there == 0);
}

TEST_CASE("the emulator may be destroyed during a request") {
    for (int i = 0; i < 10; ++i) {
        std::optional<emulator> service(std::in_place);
        service->faults(fault_plan().then(fault::delay(10'000ms), 100));
        const std::string connection_string = service->connection_string();
        std::atomic<bool> failed = false;
        std::thread client([&] {
            try {
                static_cast<void>(blocking_store::from_connection_string(connection_string, once()).get("k"));
            } catch (const error&) {
                failed = true;
            }
        });
        wait_until([&] { return service->counters().faults > 0; });
        service.reset();
        client.join();
        CHECK(failed);
    }
}

TEST_CASE("what is not valid HTTP is rejected as such") {
    emulator service;
    CHECK(contains(send(service, "hello\r\n\r\n"), "HTTP/1.1 400 Bad Request"));
    CHECK(contains(send(service, "GET /" + std::string(70'000, 'a') + " HTTP/1.1\r\n\r\n"), "431"));
    CHECK(
        contains(send(service, "PUT /x HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999\r\n\r\n"), "413"));
    CHECK(contains(send(service, head("GET /devstoreaccount1/Tables", "Expect: 100-continue\r\n")),
                   "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 403"));
    store_of(service).put("k", number(1));
}
