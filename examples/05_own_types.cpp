// Your own types as values: structs described with Boost.Describe.

#include <azkv.hpp>
#include <azkv/convert.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/describe/class.hpp>

#include <cstdint>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

namespace asio = boost::asio;

struct line {
    std::string article;
    std::int64_t count;
    double price;
};

BOOST_DESCRIBE_STRUCT(line, (), (article, count, price))

struct order {
    std::string customer;
    std::vector<line> lines;
    std::optional<std::string> note;
};

BOOST_DESCRIBE_STRUCT(order, (), (customer, lines, note))

asio::awaitable<void> serve(azkv::store db) {
    order o{"Ada Lovelace", {{"punched card", 200, 0.02}, {"gear wheel", 4, 12.5}}, {}};
    co_await db.put("o-17", azkv::to_value(o), "orders");

    if (auto found = co_await db.get_as<order>("o-17", "orders"))
        std::cout << "o-17: " << found->customer << ", " << found->lines.size() << " lines\n";

    auto rows = db.query("customer eq 'Ada Lovelace'", "orders");
    while (auto row = co_await rows.next()) {
        double total = 0;
        const auto o = azkv::from_value<order>(row->value());
        for (const auto& l : o.lines) total += static_cast<double>(l.count) * l.price;
        std::cout << row->key() << ": total " << total << '\n';
    }

    co_await db.erase("o-17", "orders");
}

int main() {
    try {
        const char* const service = std::getenv("AZKV_CONNECTION_STRING");
        asio::io_context context;
        auto db = azkv::store::from_connection_string(context.get_executor(),
                                                      service ? service : "UseDevelopmentStorage=true");
        asio::co_spawn(context, serve(db), [](std::exception_ptr failure) {
            if (failure) std::rethrow_exception(failure);
        });
        context.run();
    } catch (const std::exception& e) {
        std::cerr << e.what() << '\n';
        return EXIT_FAILURE;
    }
}
