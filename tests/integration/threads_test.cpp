// One store under several threads, against a real table service.

#include "integration/service.hpp"
#include "support/run.hpp"

#include <azkv.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/thread_pool.hpp>

#include <atomic>
#include <thread>

using namespace azkv;
using namespace azkv::test;

namespace {

asio::awaitable<void> work(store db, std::string collection, int id) {
    for (int i = 0; i < 10; ++i) {
        const std::string key = std::to_string(id) + '/' + std::to_string(i);
        value v;
        v["id"] = id;
        v["i"] = i;
        co_await db.put(key, v, collection);
        const auto got = co_await db.get(key, collection);
        if (got != v) throw std::runtime_error("lost " + key);
        const bool erased = i % 2 ? co_await db.erase(key, collection) : true;
        if (!erased) throw std::runtime_error("not there: " + key);
    }
}

} // namespace

TEST_CASE("coroutines on several threads share a store") {
    asio::thread_pool threads(4);
    store db = store::from_connection_string(threads.get_executor(), connection_string());
    const std::string c = new_collection();
    std::atomic<int> failed{0};
    std::atomic<int> done{0};
    for (int id = 0; id < 20; ++id)
        asio::co_spawn(threads, work(db, c, id), [&](std::exception_ptr e) { ++(e ? failed : done); });
    threads.join();
    CHECK(failed == 0);
    CHECK(done == 20);
    CHECK(blocking_store::from_connection_string(connection_string()).get_all(c).size() == 100);
}

TEST_CASE("threads share a blocking store") {
    blocking_store db = blocking_store::from_connection_string(connection_string());
    const std::string c = new_collection();
    std::vector<std::thread> threads;
    std::atomic<int> wrong{0};
    for (int id = 0; id < 4; ++id)
        threads.emplace_back([&, id] {
            for (int i = 0; i < 20; ++i) {
                value v;
                v["n"] = id * 100 + i;
                const std::string key = std::to_string(id) + ':' + std::to_string(i);
                db.put(key, v, c);
                wrong += db.get(key, c) != v;
            }
        });
    for (auto& t : threads) t.join();
    CHECK(wrong == 0);
    CHECK(db.get_all(c).size() == 80);
}
