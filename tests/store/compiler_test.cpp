// Every public operation in the shapes of coroutines that g++ 12 has trouble with, or that people write most:
// no local variables, temporaries as arguments, results in conditions. The address sanitizer watches.

#include "support/all_operations.hpp"
#include "support/http_server.hpp"
#include "support/run.hpp"
#include "support/scripted_store.hpp"
#include "support/test_account.hpp"

#include <azkv.hpp>
#include <azkv/convert.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/describe/class.hpp>
#include <doctest/doctest.h>

using namespace azkv;
using namespace azkv::test;

namespace {

const std::string long_text(80, 'x'); // too long for a string without an allocation

http_reply service(const http_request& r) {
    const auto entity = [](const std::string& key, const std::string& text) {
        return R"({"PartitionKey":")" + long_text + R"(","RowKey":")" + key + R"(","t":")" + text + "\"}";
    };
    if (r.method == "GET" && contains(r.target, "()"))
        return http_reply(200, "{\"value\":[" + entity("a", long_text) + ',' + entity("b", "2") + "]}");
    if (r.method == "GET") return http_reply(200, entity(row_key(r), long_text));
    if (r.method == "POST") return http_reply(202, "--c\r\n\r\nHTTP/1.1 204 x\r\n\r\n\r\n--c--\r\n");
    return http_reply(204);
}

value small() {
    value v;
    v["t"] = long_text;
    return v;
}

std::vector<std::pair<std::string, value>> one_pair() {
    std::vector<std::pair<std::string, value>> pairs;
    pairs.emplace_back(std::string(80, 'k'), small());
    return pairs;
}

struct own {
    std::string t;
};

BOOST_DESCRIBE_STRUCT(own, (), (t))

asio::awaitable<void> put_temporaries(store& db) {
    co_await db.put(std::string(80, 'k'), small(), std::string(30, 'c'));
    co_await db.put(std::string(80, 'k'), value(), "c");
    co_await db.put_all(one_pair(), std::string(30, 'c'), 10);
    co_await db.put_all(one_pair());
}

asio::awaitable<std::size_t> get_in_condition(store& db) {
    if (auto v = co_await db.get(std::string(80, 'k'), std::string(30, 'c'), select("t", long_text)))
        co_return v->at("t").as_string().size();
    co_return 0;
}

asio::awaitable<std::size_t> get_own(store& db) {
    if (auto found = co_await db.get_as<own>(std::string(80, 'k'), std::string(30, 'c')))
        co_return found->t.size();
    co_return 0;
}

asio::awaitable<own> put_and_return_own(store& db) {
    own o;
    o.t = long_text;
    co_await db.put(std::string(80, 'k'), to_value(o));
    co_return o;
}

asio::awaitable<std::string> own_failure(store& db) {
    std::string what;
    try {
        co_await db.get_as<std::map<std::string, int>>(std::string(80, 'k'));
    } catch (const error& e) {
        what = e.what();
    }
    co_return what;
}

asio::awaitable<std::size_t> get_all_as_argument(store& db) {
    co_return (co_await db.get_all(std::string(30, 'c'), select(std::string(80, 'm')))).size();
}

asio::awaitable<int> erase_in_condition(store& db) {
    const bool erased = co_await db.erase(std::string(80, 'k'), std::string(30, 'c'));
    if (erased) co_return 1;
    co_return 0;
}

asio::awaitable<std::size_t> query_in_loop(store& db) {
    std::size_t n = 0;
    auto rows = db.query(std::string("t eq '") + long_text + "'", std::string(30, 'c'), select("t"));
    while (auto e = co_await rows.next()) n += e->value().at("t").as_string().size();
    co_return n;
}

asio::awaitable<std::size_t> query_pages(store& db) {
    auto rows = db.query(std::string(80, 'f'));
    co_return (co_await rows.next_page()).size();
}

asio::awaitable<std::string> failure(store& db) {
    std::string what;
    try {
        co_await db.put(std::string(600, 'k'), small());
    } catch (const error& e) {
        what = e.what();
    }
    co_return what;
}

// Neither local variables nor names for the arguments.
asio::awaitable<std::string> operation_as_result(const operation_sample& o, store& db) {
    co_return co_await o.call(db, o.in(std::string(30, 'c')));
}

asio::awaitable<std::size_t> operation_in_condition(const operation_sample& o, store& db) {
    if (const std::string text = co_await o.call(db, o.in(std::string(30, 'c'))); text == o.result)
        co_return text.size();
    co_return 0;
}

} // namespace

TEST_CASE("every operation in coroutines without local variables") {
    for (const operation_sample& o : all_operations()) {
        CAPTURE(o.name);
        scripted_store s;
        for (int i = 0; i < 2; ++i)
            for (const protocol::response& r : o.good) s.net->answer(r);
        CHECK(s.run(operation_as_result(o, s.db)) == o.result);
        CHECK(s.run(operation_in_condition(o, s.db)) == o.result.size());
    }
}

TEST_CASE("coroutines of many shapes") {
    http_server server(service);
    asio::io_context context;
    store db(context.get_executor(), server.endpoint(), test_credential(),
             store_options().partition(long_text));
    for (int i = 0; i < 3; ++i) {
        run(context, put_temporaries(db));
        CHECK(run(context, get_in_condition(db)) == 80);
        CHECK(run(context, get_own(db)) == 80);
        CHECK(run(context, put_and_return_own(db)).t == long_text);
        CHECK(contains(run(context, own_failure(db)), "member \"t\" is a string, not a number"));
        CHECK(run(context, get_all_as_argument(db)) == 2);
        CHECK(run(context, erase_in_condition(db)) == 1);
        CHECK(run(context, query_in_loop(db)) == 81);
        CHECK(run(context, query_pages(db)) == 2);
        CHECK(contains(run(context, failure(db)), "512"));
    }
}
