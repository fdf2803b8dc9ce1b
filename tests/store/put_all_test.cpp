// The transactions of a put_all: several at a time, and their outcomes.

#include "support/fixtures.hpp"
#include "support/held_transport.hpp"
#include "support/http_server.hpp"
#include "support/run.hpp"
#include "support/scripted_store.hpp"

#include <azkv/blocking_store.hpp>
#include <azkv/emulator.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#include <doctest/doctest.h>

#include <algorithm>
#include <set>

using namespace azkv;
using namespace azkv::test;
using namespace std::chrono_literals;

namespace {

using pairs = std::vector<std::pair<std::string, value>>;

pairs make_pairs(int n, std::size_t bytes = 1) {
    pairs all;
    for (int i = 0; i < n; ++i) {
        value v;
        v["text"] = std::string(bytes, 'x');
        all.emplace_back("k" + std::to_string(i), std::move(v));
    }
    return all;
}

class held_store {
public:
    explicit held_store(store_options o = {}, held_transport::answerer a = &held_store::apply)
        : net(std::make_shared<held_transport>(std::move(a))),
          db(store_over(context.get_executor(), net, std::move(o.backoff(1ms, 1ms)))) {}

    static void apply(net::exchange& x) {
        x.response.status = 202;
        x.response.body = batch_answer(operations_in(x.body));
    }

    /// Runs until nothing is ready.
    void settle() { test::settle(context); }

    asio::io_context context;
    std::shared_ptr<held_transport> net;
    store db;
};

put_all_error failure_in(std::exception_ptr e) {
    REQUIRE(e);
    try {
        std::rethrow_exception(e);
    } catch (const put_all_error& failure) {
        return failure;
    }
}

template <class F>
put_all_error put_all_failure_of(F f) {
    try {
        f();
    } catch (...) {
        return failure_in(std::current_exception());
    }
    FAIL("nothing was thrown");
    throw std::logic_error("not reached");
}

void bad_request(net::exchange& x, unsigned status, const char* code, const char* message) {
    x.response.status = 202;
    x.response.body = "--b\r\n\r\n--c\r\n\r\nHTTP/1.1 " + std::to_string(status) + " x\r\n\r\n"
                      + error_body(code, message) + "\r\n--c--\r\n--b--\r\n";
}

} // namespace

TEST_CASE("put_all has as many transactions in flight as allowed") {
    for (const std::size_t bound : {1u, 3u, 8u}) {
        CAPTURE(bound);
        held_store s(store_options().max_transactions(bound));
        bool done = false;
        asio::co_spawn(s.context, s.db.put_all(make_pairs(200), "data", 10),
                       [&](std::exception_ptr e) { done = !e; });
        s.settle();
        CHECK(s.net->under_way == bound);
        for (std::size_t i = 1; i + bound <= 20; ++i) {
            s.net->let_one_go();
            s.settle();
            CHECK(s.net->under_way == bound); // the next takes its place
        }
        CHECK_FALSE(done);
        s.net->let_all_go();
        s.settle();
        CHECK(done);
        CHECK(s.net->begun == 20);
        CHECK(s.net->most == bound);
    }
    CHECK(store_options().max_transactions() == 8);
}

TEST_CASE("put_all builds a transaction only when it is sent") {
    held_store s(store_options().max_transactions(2));
    bool done = false;
    asio::co_spawn(s.context, s.db.put_all(make_pairs(400, 10'000), "data", 100),
                   [&](std::exception_ptr e) { done = !e; });
    s.settle();
    s.net->let_all_go();
    s.settle();
    CHECK(done);
    CHECK(s.net->begun == 4);
    CHECK(s.net->most_bytes < 2 * 100 * 11'000);
}

TEST_CASE("put_all continues when a transaction fails and lists what was not written") {
    held_store s({}, [](net::exchange& x) {
        held_store::apply(x);
        if (contains(x.body, "RowKey='k25'")) bad_request(x, 400, "InvalidInput", "5:not that");
        if (contains(x.body, "RowKey='k47'")) bad_request(x, 413, "EntityTooLarge", "7:too much");
    });
    s.net->holds = false;
    const put_all_error e =
        put_all_failure_of([&] { run(s.context, s.db.put_all(make_pairs(100), "data", 10)); });
    CHECK(s.net->begun == 10);
    CHECK(e.unknown().empty());
    CHECK_FALSE(e.outcome_unknown());
    std::vector<std::string> expected;
    for (int i : {20, 40})
        for (int j = 0; j < 10; ++j) expected.push_back("k" + std::to_string(i + j));
    CHECK(e.not_written() == expected);
    CHECK(e.code() == errc::rejected);
    CHECK(e.status() == 400);
    CHECK(e.key() == "k25");
    CHECK(contains(e.server_message(), "5:not that"));
    CHECK(std::string(e.what())
          == "put_all \"k25\" in \"data\": the service rejected the request (HTTP 400); 80 of 100 keys were "
             "written, 20 were not");
}

TEST_CASE("put_all reports what may or may not have been written") {
    held_store s(store_options().max_attempts(2), [](net::exchange& x) {
        held_store::apply(x);
        if (contains(x.body, "RowKey='k0'")) x.error = asio::error::connection_reset;
        if (contains(x.body, "RowKey='k10'")) x.response.status = 500;
        if (contains(x.body, "RowKey='k20'")) x.response.status = 403;
    });
    s.net->holds = false;
    const put_all_error e =
        put_all_failure_of([&] { run(s.context, s.db.put_all(make_pairs(40), "data", 10)); });
    CHECK(e.unknown().size() == 20);
    CHECK(std::ranges::count(e.unknown(), "k9") == 1);
    CHECK(std::ranges::count(e.unknown(), "k19") == 1);
    CHECK(e.not_written().size() == 10);
    CHECK(std::ranges::count(e.not_written(), "k20") == 1);
    CHECK(e.outcome_unknown());
    CHECK(contains(e.what(), "; 10 of 40 keys were written, 10 were not, 20 may or may not have been"));
}

TEST_CASE("put_all stops at the first rejected credential") {
    held_store s(store_options().max_transactions(2), [](net::exchange& x) { x.response.status = 403; });
    s.net->holds = false;
    const put_all_error e =
        put_all_failure_of([&] { run(s.context, s.db.put_all(make_pairs(100), "data", 1)); });
    CHECK(e.code() == errc::forbidden);
    CHECK(e.not_written().size() == 100);
    CHECK(s.net->begun <= 3);
}

TEST_CASE("put_all reports its progress") {
    held_store s(store_options().max_transactions(3));
    s.net->holds = false;
    std::vector<std::size_t> seen;
    pairs all = make_pairs(95);
    all.push_back(all.front()); // one key twice
    const put_all_progress progress = [&](std::size_t done, std::size_t total) {
        CHECK(total == 95);
        seen.push_back(done);
    };
    run(s.context, s.db.put_all(std::move(all), "data", 10, progress));
    CHECK(seen.size() == 10);
    CHECK(std::ranges::is_sorted(seen));
    CHECK(seen.back() == 95);

    seen.clear();
    pairs one = make_pairs(95);
    one.resize(1);
    const put_all_progress single = [&](std::size_t done, std::size_t) { seen.push_back(done); };
    run(s.context, s.db.put_all(std::move(one), "data", 10, single));
    CHECK(seen == std::vector<std::size_t>{1});
    run(s.context, s.db.put_all(pairs(), "data", 10, single));
    CHECK(seen.size() == 1);
}

TEST_CASE("an exception of the progress function ends a put_all") {
    held_store s(store_options().max_transactions(2));
    s.net->holds = false;
    const put_all_progress progress = [](std::size_t done, std::size_t) {
        if (done >= 30) throw std::runtime_error("enough");
    };
    CHECK_THROWS_WITH_AS(run(s.context, s.db.put_all(make_pairs(1000), "data", 10, progress)), "enough",
                         std::runtime_error);
    CHECK(s.net->begun <= 5);
    CHECK(s.net->under_way == 0); // no transaction is in flight
}

TEST_CASE("put_all can be cancelled between transactions") {
    held_store s(store_options().max_transactions(4));
    asio::cancellation_signal signal;
    std::exception_ptr failure;
    asio::co_spawn(s.context, s.db.put_all(make_pairs(1000), "data", 10),
                   asio::bind_cancellation_slot(signal.slot(), [&](std::exception_ptr e) { failure = e; }));
    s.settle();
    for (int i = 0; i < 10; ++i) {
        s.net->let_one_go();
        s.settle();
    }
    CHECK(s.net->under_way == 4);
    signal.emit(asio::cancellation_type::terminal);
    s.settle();
    REQUIRE(failure);
    CHECK_THROWS_AS(std::rethrow_exception(failure), boost::system::system_error);
    CHECK(s.net->under_way == 0);
    CHECK(s.net->begun == 14);
}

TEST_CASE("a put_all that is cancelled when those in flight have just succeeded is not a success") {
    held_store s(store_options().max_transactions(2));
    asio::cancellation_signal signal;
    std::exception_ptr failure;
    bool done = false;
    asio::co_spawn(s.context, s.db.put_all(make_pairs(100), "data", 10),
                   asio::bind_cancellation_slot(signal.slot(), [&](std::exception_ptr e) {
                       failure = e;
                       done = true;
                   }));
    s.settle();
    s.net->let_one_go();
    s.net->let_one_go();
    signal.emit(asio::cancellation_type::terminal);
    s.net->let_all_go();
    s.settle();
    CHECK(done);
    CHECK(failure);
    CHECK(s.net->begun < 10);
}

TEST_CASE("a context that is destroyed during transactions leaves nothing running") {
    std::shared_ptr<held_transport> net;
    {
        held_store s;
        net = s.net;
        asio::co_spawn(s.context, s.db.put_all(make_pairs(1000), "data", 10),
                       [](std::exception_ptr) { FAIL("the caller has been destroyed"); });
        s.settle();
        CHECK(net->under_way == 8);
    }
    CHECK(net->under_way == 0);
}

TEST_CASE("arguments of put_all are checked before anything is sent") {
    held_store s;
    pairs all = make_pairs(300);
    all[250].second[""] = 1;
    const error e = failure_of([&] { run(s.context, s.db.put_all(std::move(all), "data", 10)); });
    CHECK(e.code() == errc::invalid_argument);
    CHECK(e.key() == "k250");
    CHECK(s.net->begun == 0);
}

TEST_CASE("put_all on several threads from a caller on none of their strands") {
    emulator service;
    asio::thread_pool threads(4);
    store db = store::from_connection_string(threads.get_executor(), service.connection_string());
    std::size_t last = 0; // by one thread at a time
    const put_all_progress progress = [&](std::size_t done, std::size_t) { last = done; };
    asio::co_spawn(threads, db.put_all(make_pairs(2000), "data", 20, progress), asio::use_future).get();
    CHECK(last == 2000);
    auto all = asio::co_spawn(threads, db.get_all(), asio::use_future).get();
    CHECK(all.size() == 2000);
    service.faults(fault_plan().then(fault::answer(403, "AuthorizationFailure"), 2));
    auto failed = asio::co_spawn(threads, db.put_all(make_pairs(2000), "data", 20), asio::use_future);
    const put_all_error e = put_all_failure_of([&] { failed.get(); });
    CHECK(e.not_written().size() >= 40);
    threads.join();
}

TEST_CASE("a blocking put_all behaves alike") {
    emulator service;
    auto db = blocking_store::from_connection_string(service.connection_string());
    std::size_t last = 0;
    db.put_all(make_pairs(500), "data", 50, [&](std::size_t done, std::size_t total) {
        CHECK(total == 500);
        last = done;
    });
    CHECK(last == 500);
    service.faults(fault_plan().pass(2).then(fault::answer(400, "InvalidInput")));
    const put_all_error e = put_all_failure_of([&] { db.put_all(make_pairs(500), "data", 50); });
    CHECK(e.not_written().size() == 50);
    CHECK(db.get_all().size() == 500);
}
