// The asynchronous store in a coroutine: write, read, query, erase.

#include <azkv.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <cstdlib>
#include <exception>
#include <iostream>

namespace asio = boost::asio;

asio::awaitable<void> serve(azkv::store db) {
    azkv::value ada;
    ada["name"] = "Ada Lovelace";
    ada["born"] = 1815;
    ada["fields"] = {"mathematics", "computing"};
    co_await db.put("ada", ada, "people");

    if (auto found = co_await db.get("ada", "people", azkv::select("name", "born")))
        std::cout << found->at("name") << " was born in " << found->at("born") << '\n';

    auto rows = db.query("born lt 1900", "people");
    while (auto row = co_await rows.next()) // fetches page after page, only as far as you read
        std::cout << row->key() << ": " << azkv::serialize_value(row->value()) << '\n';

    const bool was_there = co_await db.erase("ada", "people");
    std::cout << "erased: " << std::boolalpha << was_there << '\n';
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
        context.run(); // returns when no work is left
    } catch (const std::exception& e) {
        std::cerr << e.what() << '\n';
        return EXIT_FAILURE;
    }
}
