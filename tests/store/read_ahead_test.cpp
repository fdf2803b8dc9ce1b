#include "support/held_transport.hpp"
#include "support/http_server.hpp"
#include "support/scripted_store.hpp"
#include "support/spawned.hpp"

#include <azkv/blocking_store.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <doctest/doctest.h>

#include <algorithm>
#include <future>
#include <optional>
#include <string>
#include <thread>
#include <vector>

using namespace azkv;
using namespace azkv::test;
using namespace std::chrono_literals;
using std::chrono::steady_clock;

namespace {

const credential key = test_credential();

store_options ahead() {
    return store_options().read_ahead(true);
}

std::string body_of(const std::vector<std::string>& keys) {
    std::string rows;
    for (const std::string& k : keys)
        rows += (rows.empty() ? "" : ",") + (R"({"PartitionKey":"default","RowKey":")" + k + "\"}");
    return "{\"value\":[" + rows + "]}";
}

protocol::response page(const std::vector<std::string>& keys, const std::string& next = {}) {
    protocol::response r;
    r.status = 200;
    r.body = body_of(keys);
    if (!next.empty()) r.next_partition_key = r.next_row_key = next;
    return r;
}

asio::awaitable<std::vector<std::string>> all_keys(async_generator<entry> rows) {
    std::vector<std::string> keys;
    while (auto row = co_await rows.next()) keys.push_back(row->key());
    co_return keys;
}

/// A store whose pages, of a row each, are held until the test releases them. There are `pages` of them.
class held_store {
public:
    explicit held_store(store_options o = ahead())
        : db(store_over(context.get_executor(), net, std::move(o))) {}

    /// Runs until no handler is ready.
    void settle() { test::settle(context); }

    /// A query whose first page was read, and whose second is held.
    async_generator<entry> begun() {
        auto rows = db->query("");
        asio::co_spawn(context, rows.next(), [](std::exception_ptr e, std::optional<entry> row) {
            CHECK(!e);
            CHECK(row);
        });
        settle();
        net->let_one_go();
        settle();
        CHECK(net->begun == 2);
        CHECK(net->under_way == 1);
        return rows;
    }

    int pages = 3;
    int answered = 0;
    std::shared_ptr<held_transport> net = std::make_shared<held_transport>([this](net::exchange& x) {
        const std::string name = std::to_string(++answered);
        x.response = page({name}, answered < pages ? name : "");
    });
    asio::io_context context;
    std::optional<store> db;
};

using spawned_next = spawned<std::optional<entry>>;

void next(held_store& s, async_generator<entry>& rows, spawned_next& end) {
    end.start(s.context, rows.next());
    s.settle();
}

} // namespace

TEST_CASE("reading ahead is off by default") {
    CHECK_FALSE(store_options().read_ahead());
    CHECK(ahead().read_ahead());
    scripted_store s;
    s.net->answer(page({"a"}, "b"));
    auto rows = s.db.query("");
    CHECK(s.run(rows.next()));
    CHECK(s.net->sent.size() == 1);
}

TEST_CASE("reading ahead returns the same rows in the same order with the same requests") {
    std::vector<std::string> sent;
    for (const bool b : {false, true}) {
        scripted_store s(store_options().read_ahead(b));
        s.net->answer(page({"a", "b"}, "x"));
        s.net->answer(page({}, "y")); // which is not the end
        s.net->answer(503);
        s.net->answer(page({"c"}, "z"));
        s.net->answer(page({"d", "e"}));
        const std::vector<std::string> keys = s.run(all_keys(s.db.query("n eq 1")));
        CHECK(keys == std::vector<std::string>{"a", "b", "c", "d", "e"});
        CHECK(s.net->finished());
        std::vector<std::string> targets;
        for (const std::string& text : s.net->sent) targets.push_back(text.substr(0, text.find('\r')));
        if (b) CHECK(targets == sent);
        sent = targets;
    }
    scripted_store absent(ahead());
    absent.net->answer(404, R"({"odata.error":{"code":"TableNotFound"}})");
    CHECK(absent.run(all_keys(absent.db.query(""))).empty());
}

TEST_CASE("exactly one page is fetched ahead") {
    scripted_store s(ahead());
    s.net->answer(page({"a", "b"}, "x"));
    s.net->answer(page({"c"}, "y"));
    s.net->answer(page({"d"}));
    auto rows = s.db.query("");
    CHECK(s.net->sent.empty());
    CHECK(s.run(rows.next())); // run() returned: no work is left
    CHECK(s.net->sent.size() == 2);
    CHECK(s.run(rows.next()));
    CHECK(s.net->sent.size() == 2);
    CHECK(s.run(rows.next())->key() == "c");
    CHECK(s.net->sent.size() == 3);
    CHECK(s.run(rows.next())->key() == "d");
    CHECK_FALSE(s.run(rows.next()));
    CHECK(s.net->finished());
}

TEST_CASE("the error of a page that was read ahead is thrown by the call that needs it") {
    scripted_store s(ahead());
    s.net->answer(page({"a", "b"}, "x"));
    for (int i = 0; i < 2; ++i) s.net->answer(403, R"({"odata.error":{"code":"AuthorizationFailure"}})");
    s.net->answer(page({"c"}));
    auto rows = s.db.query("");
    CHECK(s.run(rows.next())->key() == "a");
    CHECK(s.net->sent.size() == 2);
    CHECK(s.run(rows.next())->key() == "b");
    for (std::size_t i = 0; i < 2; ++i) {
        const error e = failure_of([&] { s.run(rows.next()); });
        CHECK(e.service_code() == "AuthorizationFailure");
        CHECK(contains(e.what(), "query in \"data\""));
        CHECK(s.net->sent.size() == 2 + i); // the second time the call requests it
    }
    CHECK(s.run(rows.next())->key() == "c");
    CHECK_FALSE(s.run(rows.next()));
    CHECK(s.net->finished());
}

TEST_CASE("the first call throws the error about an invalid argument") {
    scripted_store s(store_options().read_ahead(true).naming(table_naming::strict));
    auto rows = s.db.query("", "a b");
    for (int i = 0; i < 2; ++i)
        CHECK(failure_of([&] { s.run(rows.next()); }).code() == errc::invalid_argument);
}

TEST_CASE("a call waits for the page in flight") {
    held_store s;
    auto rows = s.begun();
    spawned_next end;
    next(s, rows, end);
    CHECK_FALSE(end.done);
    s.net->let_one_go();
    s.settle();
    REQUIRE(end.result);
    CHECK(end.result->key() == "2");
    CHECK(s.net->begun == 3);
}

TEST_CASE("cancelling the call leaves the page to the next one") {
    held_store s;
    auto rows = s.begun();
    spawned_next end;
    end.start_cancellable(s.context, rows.next());
    s.settle();
    CHECK(s.net->under_way == 1);
    end.signal.emit(asio::cancellation_type::terminal);
    s.settle();
    CHECK(end.code() == asio::error::operation_aborted);
    CHECK(s.net->under_way == 1);
    spawned_next again;
    next(s, rows, again);
    CHECK_FALSE(again.done);
    s.net->let_one_go();
    s.settle();
    REQUIRE(again.result);
    CHECK(again.result->key() == "2");
    CHECK(s.net->begun == 3);
    s.net->let_one_go(); // the same holds when the page arrives before the next call
    s.settle();
    spawned_next third;
    next(s, rows, third);
    REQUIRE(third.result);
    CHECK(third.result->key() == "3");
}

TEST_CASE("destroying a generator cancels its request") {
    SUBCASE("after it was sent") {
        held_store s;
        { const auto rows = s.begun(); }
        s.context.restart();
        s.context.run(); // returns
        CHECK(s.net->under_way == 0);
        CHECK(run(s.context, s.db->close()));
    }
    SUBCASE("when it has hardly begun") {
        held_store s;
        std::optional rows(s.db->query(""));
        spawned_next end;
        asio::co_spawn(s.context, rows->next(), [&](std::exception_ptr e, std::optional<entry> r) {
            end.complete(e, std::move(r));
            rows.reset();
        });
        s.settle();
        s.net->let_one_go();
        s.context.run(); // returns
        CHECK(end.result);
        CHECK(s.net->under_way == 0);
    }
    SUBCASE("when its response has arrived") {
        held_store s;
        {
            const auto rows = s.begun();
            s.net->let_one_go();
            s.settle();
            CHECK(s.net->begun == 2);
        }
        s.settle();
        CHECK(s.net->begun == 2);
    }
    SUBCASE("together with its store") {
        held_store s;
        std::optional rows(s.begun());
        s.db.reset();
        rows.reset();
        s.context.restart();
        s.context.run();
        CHECK(s.net->under_way == 0);
    }
}

TEST_CASE("the execution context may be destroyed after any step") {
    for (int steps = 0;; ++steps) {
        held_store s;
        bool ended = false;
        s.pages = 10;
        s.net->holds = false;
        asio::co_spawn(s.context, all_keys(s.db->query("")),
                       [&](std::exception_ptr, const std::vector<std::string>& keys) {
                           ended = true;
                           CHECK(keys.size() == 10);
                       });
        for (int i = 0; i < steps && !ended; ++i) s.context.run_one();
        s.db.reset();
        if (!ended) continue;
        CHECK(steps > 10);
        break;
    }
}

TEST_CASE("a store that is closed while a page is read ahead") {
    SUBCASE("waits for it and returns it to the call that waits for it too") {
        held_store s;
        auto rows = s.begun();
        spawned_next end;
        next(s, rows, end);
        std::optional<bool> finished;
        asio::co_spawn(s.context, s.db->close(1h), [&](std::exception_ptr, bool b) { finished = b; });
        s.settle();
        CHECK_FALSE(finished);
        CHECK_FALSE(end.done);
        s.net->let_one_go();
        s.settle();
        CHECK(end.result);
        CHECK(finished == true);
        spawned_next refused;
        next(s, rows, refused);
        CHECK(refused.code() == errc::closed);
        CHECK(s.net->begun == 2);
    }
    SUBCASE("rejects the next call which ends the request") {
        held_store s;
        auto rows = s.begun();
        std::optional<bool> finished;
        asio::co_spawn(s.context, s.db->close(1h), [&](std::exception_ptr, bool b) { finished = b; });
        s.settle();
        CHECK_FALSE(finished);
        spawned_next refused;
        next(s, rows, refused);
        CHECK(refused.code() == errc::closed);
        CHECK(finished == true);
        CHECK(s.net->under_way == 0);
    }
    SUBCASE("rejects the next call even if the page has arrived and reports that") {
        std::vector<boost::system::error_code> told;
        held_store s(ahead().observer([&](const event& e) {
            if (e.kind == event_kind::operation) told.push_back(e.error);
        }));
        auto rows = s.begun();
        s.net->let_one_go();
        s.settle();
        CHECK(run(s.context, s.db->close(1h)));
        spawned_next refused;
        next(s, rows, refused);
        CHECK(refused.code() == errc::closed);
        REQUIRE(told.size() == 1);
        CHECK(told[0] == errc::closed);
        spawned_next again; // the next call's failure is not mistaken for the end either
        next(s, rows, again);
        CHECK(again.code() == errc::closed);
    }
    SUBCASE("ends it when its time is over") {
        held_store s;
        auto rows = s.begun();
        spawned_next end;
        next(s, rows, end);
        CHECK_FALSE(run(s.context, s.db->close(0ms)));
        CHECK(end.code() == errc::closed);
        CHECK(s.net->under_way == 0);
    }
}

namespace {

/// Responds with this many pages, each of a row: the first after one delay, the others after another.
class paging_server {
public:
    explicit paging_server(int pages, std::chrono::milliseconds first = 0ms,
                           std::chrono::milliseconds others = 0ms)
        : server([pages, first, others](const http_request& r) {
              const std::string_view from = "NextRowKey=";
              const auto at = r.target.find(from);
              const int n = at == r.target.npos ? 1 : std::stoi(r.target.substr(at + from.size())) + 1;
              http_reply reply(200, body_of({std::to_string(n)}));
              reply.delay = n == 1 ? first : others;
              if (n < pages) {
                  reply.headers.emplace_back("x-ms-continuation-NextPartitionKey", "p");
                  reply.headers.emplace_back("x-ms-continuation-NextRowKey", std::to_string(n));
              }
              return reply;
          }) {}

    http_server server;
};

asio::awaitable<int> work(async_generator<entry> rows, std::chrono::milliseconds time) {
    asio::steady_timer timer(co_await asio::this_coro::executor);
    int n = 0;
    while (auto row = co_await rows.next()) {
        CHECK(row->key() == std::to_string(++n));
        timer.expires_after(time);
        co_await timer.async_wait(asio::use_awaitable);
    }
    co_return n;
}

asio::awaitable<int> leave_after_two(async_generator<entry> rows) {
    int n = 0;
    for (; n < 2; ++n) co_await rows.next();
    co_return n;
}

} // namespace

TEST_CASE("the times of the service and of the caller overlap") {
    paging_server service(20, 10ms, 10ms);
    const auto time = [&](bool ahead) {
        asio::io_context context;
        store db(context.get_executor(), service.server.endpoint(), key, store_options().read_ahead(ahead));
        const auto begin = steady_clock::now();
        CHECK(run(context, work(db.query(""), 10ms)) == 20);
        return std::chrono::duration<double, std::milli>(steady_clock::now() - begin).count();
    };
    const double without = std::min(time(false), time(false));
    const double with = std::min(time(true), time(true)); // one run may stall
    MESSAGE("20 pages, 10 ms at each side: " << without << " ms, reading ahead " << with << " ms");
    CHECK(with < without);
}

TEST_CASE("the caller and the store may run on separate threads") {
    paging_server service(20);
    asio::thread_pool store_threads(2);
    asio::thread_pool caller_threads(2);
    std::optional<store> db(std::in_place, store_threads.get_executor(), service.server.endpoint(), key,
                            ahead());
    std::vector<std::future<int>> all, some;
    for (int i = 0; i < 20; ++i) {
        all.push_back(asio::co_spawn(caller_threads, work(db->query(""), 0ms), asio::use_future));
        some.push_back(asio::co_spawn(caller_threads, leave_after_two(db->query("")), asio::use_future));
    }
    for (auto& f : all) CHECK(f.get() == 20);
    for (auto& f : some) CHECK(f.get() == 2);
    CHECK(asio::co_spawn(caller_threads, db->close(), asio::use_future).get());
    caller_threads.join();
    db.reset();
    store_threads.join();
}

TEST_CASE("cancelling and destroying from other threads while a page is in flight") {
    paging_server service(20, 0ms, 1h);
    asio::thread_pool store_threads(2);
    asio::io_context context;
    std::optional<store> db(std::in_place, store_threads.get_executor(), service.server.endpoint(), key,
                            ahead());
    for (int i = 0; i < 20; ++i) {
        auto rows = db->query("");
        CHECK(run(context, rows.next()));
        if (i % 2 == 0) continue;
        asio::cancellation_signal signal;
        std::exception_ptr failure;
        asio::co_spawn(
            context, rows.next(),
            asio::bind_cancellation_slot(signal.slot(), [&](std::exception_ptr e, auto) { failure = e; }));
        asio::post(context, [&] { signal.emit(asio::cancellation_type::terminal); });
        context.restart();
        context.run();
        CHECK(failure);
    }
    const auto begin = steady_clock::now();
    CHECK(asio::co_spawn(store_threads, db->close(), asio::use_future).get());
    CHECK(steady_clock::now() - begin < 2s);
    db.reset();
    store_threads.join();
}

TEST_CASE("a blocking query reads nothing ahead") {
    paging_server service(3);
    blocking_store db(service.server.endpoint(), key, ahead());
    std::size_t asked = 0;
    for (const entry& row : db.query("")) {
        CHECK(row.key() == std::to_string(++asked));
        CHECK(service.server.requests() == asked);
    }
    CHECK(asked == 3);
    CHECK(db.close());
}
