// Accounts, the log and the limits of partitions, as clients of the emulator see them.

#include "protocol/connection_string.hpp"
#include "support/run.hpp"

#include <azkv.hpp>
#include <azkv/emulator.hpp>

#include <boost/algorithm/string/replace.hpp>
#include <doctest/doctest.h>

#include <mutex>
#include <string>
#include <vector>

using namespace azkv;
using namespace azkv::test;
using namespace std::chrono_literals;

namespace {

const std::string well_known_key(protocol::development_account().key.reveal());

value only(int n) {
    value v;
    v["n"] = n;
    return v;
}

blocking_store connect(const std::string& connection_string, store_options o = store_options()) {
    return blocking_store::from_connection_string(connection_string, std::move(o));
}

blocking_store connect(const emulator& e, store_options o = store_options()) {
    return connect(e.connection_string(), std::move(o));
}

/// The lines of a log.
class lines {
public:
    void add(std::string_view line) {
        const std::lock_guard lock(mutex_);
        all_.emplace_back(line);
    }

    std::vector<std::string> take() {
        const std::lock_guard lock(mutex_);
        return std::exchange(all_, {});
    }

private:
    std::mutex mutex_;
    std::vector<std::string> all_;
};

std::vector<std::pair<std::string, value>> pairs(int n) {
    std::vector<std::pair<std::string, value>> all;
    for (int i = 0; i < n; ++i) all.emplace_back("k" + std::to_string(i), only(i));
    return all;
}

} // namespace

TEST_CASE("each account has tables of its own") {
    for (const auto mode : {service_mode::storage, service_mode::cosmos}) {
        const std::string first = mode == service_mode::storage ? "devstoreaccount1" : "localhost";
        emulator service(emulator_options().mode(mode).add_account("two", well_known_key));
        blocking_store one = connect(service.connection_string());
        blocking_store two = connect(service.connection_string("two"));
        one.put("k", only(1));
        CHECK_FALSE(two.get("k"));
        two.put("k", only(2));
        CHECK(one.get("k") == only(1));
        CHECK(two.get("k") == only(2));
        CHECK((service.connection_string(first) == service.connection_string())); // prints no key
        CHECK(failure_of([&] { static_cast<void>(service.connection_string("three")); }).code()
              == errc::invalid_argument);
    }
}

TEST_CASE("an unknown account is an error and not an empty store") {
    emulator service(emulator_options().add_account("two", well_known_key));
    const std::string misdirected =
        boost::algorithm::replace_all_copy(service.connection_string("two"), "two", "three");
    blocking_store db = connect(misdirected);
    std::vector<error> seen;
    seen.push_back(failure_of([&] { db.put("k", only(1)); }));
    seen.push_back(failure_of([&] { return db.get("k"); }));
    seen.push_back(failure_of([&] { return db.get_all(); }));
    seen.push_back(failure_of([&] { return db.erase("k"); }));
    seen.push_back(failure_of([&] { db.put_all(pairs(3)); }));
    seen.push_back(failure_of([&] {
        for (entry& e : db.query("")) static_cast<void>(e);
    }));
    for (const error& e : seen) {
        CHECK(e.status() == 400);
        CHECK(e.service_code() == "AccountNotFound");
        CHECK(contains(e.server_message(), R"(The account "three" is none of this emulator's accounts.)"));
    }
    CHECK(service.counters().requests == seen.size()); // none is retried, and no table is created
}

TEST_CASE("the log has a line for each request") {
    lines log;
    emulator service(emulator_options().log([&](std::string_view line) { log.add(line); }));
    blocking_store db = connect(service, store_options().max_attempts(1));
    db.put("k", only(1));
    CHECK(log.take().size() == 3); // the table is created meanwhile
    CHECK(db.get("k") == only(1));
    std::vector<std::string> seen = log.take();
    REQUIRE(seen.size() == 1);
    CHECK(contains(seen[0], " 127.0.0.1 GET /devstoreaccount1/"));
    CHECK(contains(seen[0], " 200 "));
    CHECK_FALSE(contains(seen[0], "SharedKey"));

    service.faults(fault_plan()
                       .then(fault::answer(500, "InternalError"))
                       .then(fault::lose_answer())
                       .then(fault::reset(), 2));
    for (int i = 0; i < 3; ++i) CHECK_THROWS_AS(db.put("k", only(2)), error);
    seen = log.take();
    REQUIRE(seen.size() >= 3);
    CHECK(contains(seen[0], " 500 "));
    CHECK(seen[0].ends_with(" answer"));
    CHECK(contains(seen[1], " 204 ")); // executed
    CHECK(seen[1].ends_with(" cut_answer"));
    CHECK(contains(seen[2], " - "));
    CHECK(seen[2].ends_with(" reset"));
}

TEST_CASE("a log that throws closes the connection but not the service") {
    int calls = 0;
    emulator service(emulator_options().log([&](std::string_view) {
        if (++calls == 1) throw std::runtime_error("the disk is full");
    }));
    blocking_store db = connect(service);
    db.put("k", only(1));
    CHECK(db.get("k") == only(1));
}

TEST_CASE("each partition has a limit of its own") {
    for (const auto mode : {service_mode::storage, service_mode::cosmos}) {
        emulator service(emulator_options().mode(mode));
        blocking_store db = connect(service, store_options().max_attempts(1));
        blocking_store other = db.in_partition("other");
        db.put("k", only(1));
        service.faults(fault_plan().throttle_partitions(1, 10)); // slower than the test
        const auto throttled = [](auto f) {
            const error e = failure_of(f);
            CHECK(e.code() == condition::throttled);
            return e.service_code();
        };
        const std::string busy = mode == service_mode::storage ? "ServerBusy" : "TooManyRequests";
        db.put_all(pairs(8));
        CHECK(db.get("k1") == only(1));
        CHECK(throttled([&] { db.put_all(pairs(8)); }) == busy);
        other.put_all(pairs(9));
        CHECK(other.get_all().size() == 9); // one was left, and the others are a debt
        CHECK(throttled([&] { return other.get("k1"); }) == busy);
    }
}

TEST_CASE("latency delays every request") {
    emulator service;
    blocking_store db = connect(service);
    db.put("k", only(1));
    service.faults(fault_plan().latency(3ms, 2ms));
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < 4; ++i) CHECK(db.get("k") == only(1));
    CHECK(std::chrono::steady_clock::now() - begin >= 12ms);
    CHECK(service.counters().faults == 0);
}

TEST_CASE("each account's partitions have limits of their own") {
    emulator service(emulator_options().add_account("other", well_known_key));
    blocking_store one = connect(service, store_options().max_attempts(1));
    blocking_store other = connect(service.connection_string("other"), store_options().max_attempts(1));
    one.put("k", only(1));
    other.put("k", only(1));
    service.faults(fault_plan().throttle_partitions(1, 3)); // slower than the test
    one.put_all(pairs(3));
    CHECK(failure_of([&] { return one.get("k"); }).code() == condition::throttled);
    other.put_all(pairs(3));
    CHECK(failure_of([&] { return other.get("k"); }).code() == condition::throttled);
}

TEST_CASE("one plan has faults, a latency and limits") {
    const std::string key = well_known_key;
    azkv::emulator service(azkv::emulator_options().add_account("other", key));
    auto db = azkv::blocking_store::from_connection_string(service.connection_string("other"));

    service.faults(azkv::fault_plan(42).sometimes(0.02).latency(5ms, 2ms).throttle_partitions(2000));
    const auto begin = std::chrono::steady_clock::now();
    for (const auto& [name, value] : pairs(100)) db.put(name, value);
    CHECK(std::chrono::steady_clock::now() - begin >= 500ms);
    CHECK(service.counters().faults > 0);
    CHECK(db.get_all().size() == 100);
    CHECK(connect(service).get_all().empty());
}

TEST_CASE("a mixture of faults loses no acknowledged write") {
    emulator service;
    blocking_store db = connect(service, store_options().max_attempts(30).backoff(1ms, 2ms));
    service.faults(fault_plan(5).sometimes(0.2));
    for (int i = 0; i < 100; ++i) db.put("k" + std::to_string(i), only(i));
    CHECK(db.get_all().size() == 100);
    CHECK(service.counters().faults > 10);
}

TEST_CASE("an emulator listens on another address") {
    emulator service(emulator_options().host("127.0.0.2"));
    CHECK(service.endpoint() == "http://127.0.0.2:" + std::to_string(service.port()) + "/devstoreaccount1");
    blocking_store db = connect(service);
    db.put("k", only(1));
    emulator everywhere(emulator_options().host("0.0.0.0"));
    CHECK(contains(everywhere.endpoint(), "http://127.0.0.1:"));
    connect(everywhere).put("k", only(1));
    CHECK_FALSE(connect(everywhere).get("other"));

    // An address other than a loopback one does not say that the service is Cosmos DB.
    emulator cosmos(emulator_options().mode(service_mode::cosmos).host("127.0.0.2"));
    blocking_store told = connect(cosmos, store_options().mode(service_mode::cosmos));
    told.put("k", only(1));
    CHECK(told.get("k") == only(1));
}

TEST_CASE("invalid options of accounts, addresses and times name the setting") {
    const auto why = [](auto f) {
        const error e = failure_of(f);
        CHECK(e.code() == errc::invalid_argument);
        return std::string(e.what());
    };
    emulator_options o;
    CHECK(contains(why([&] { o.host("localhost"); }), R"(host: "localhost" is not an IP address)"));
    CHECK(contains(why([&] { o.host("fe80::1%lo"); }), "host: "));
    CHECK(o.host("::1").host("").host().empty()); // the default again
    CHECK(contains(why([&] { o.add_account("a_b", well_known_key); }), "add_account: "));
    CHECK(contains(why([&] { o.account("Alpha", well_known_key); }), R"(account: the name "Alpha" must )"));
    CHECK_FALSE(why([&] { o.add_account("a", "no base64"); }).empty());
    CHECK(contains(why([&] { o.table_deletion_time(-1ms); }), "table_deletion_time: "));
    CHECK(contains(why([&] { o.table_deletion_time(25h); }), "table_deletion_time: "));
    CHECK(contains(why([&] { o.log({}); }), "log: "));
    CHECK(o.added_accounts().empty());
}
