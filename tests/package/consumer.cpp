// A user's program: it needs only the public headers and one target.
#include <azkv.hpp>
#include <azkv/convert.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/describe/class.hpp>

#include <iostream>

namespace asio = boost::asio;

struct point {
    int x = 0;
    int y = 0;
};

BOOST_DESCRIBE_STRUCT(point, (), (x, y))

asio::awaitable<void> use(azkv::store db) {
    try {
        co_await db.get_as<point>("key");
    } catch (const azkv::error& e) { // thrown in the library, caught here, even if the library is shared
        if (e.code() == azkv::condition::transient) std::cout << "consumer works\n";
    }
}

int main() {
    asio::io_context context;
    const auto nobody = azkv::credential::shared_key("acct", "c2VjcmV0");
    const auto once = azkv::store_options().max_attempts(1);
    azkv::store db(context.get_executor(), "http://127.0.0.1:1/acct", nobody, once);
    asio::co_spawn(context, use(db), [](std::exception_ptr e) {
        if (e) std::rethrow_exception(e);
    });
    context.run();
    azkv::blocking_store blocking("http://127.0.0.1:1/acct", nobody, once);
    try {
        blocking.put("key", {{"n", 1}});
    } catch (const azkv::error& e) {
        std::cout << e.what() << '\n';
    }
    azkv::value v = azkv::to_value(point());
    v["y"] = "north";
    try {
        azkv::from_value<point>(v);
    } catch (const azkv::error& e) {
        std::cout << e.what() << '\n';
    }
}
