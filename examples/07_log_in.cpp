// Microsoft Entra ID tokens instead of a key: the program's identity comes from where it runs.
//
//   07_log_in https://ACCOUNT.table.core.windows.net [CA-FILE]

#include <azkv.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <cstdlib>
#include <exception>
#include <iostream>
#include <string>

namespace asio = boost::asio;

azkv::store open(asio::any_io_executor executor, std::string url, azkv::store_options options) {
    // The application that the environment variables describe, or else the user signed in with `az login`.
    auto source = azkv::chained_credential({azkv::environment_credential(), azkv::azure_cli_credential()});
    return azkv::store(executor, url, azkv::credential::token(source), options);
}

asio::awaitable<void> serve(azkv::store db) {
    azkv::value visit;
    visit["by"] = "Ada Lovelace";
    co_await db.put("1815-12-10", visit, "visits");
    if (auto found = co_await db.get("1815-12-10", "visits"))
        std::cout << "logged in: " << azkv::serialize_value(*found) << '\n';
    co_await db.erase("1815-12-10", "visits");
}

int main(int argc, char** argv) {
    try {
        if (argc < 2) {
            std::cerr << "usage: 07_log_in URL [CA-FILE]\n";
            return 2;
        }
        azkv::store_options options;
        if (argc > 2) options.tls(azkv::tls_options().ca_file(argv[2]));
        asio::io_context context;
        auto db = open(context.get_executor(), argv[1], options);
        asio::co_spawn(context, serve(db), [](std::exception_ptr failure) {
            if (failure) std::rethrow_exception(failure);
        });
        context.run();
    } catch (const azkv::error& e) {
        std::cerr << e.what() << '\n' << e.server_message() << '\n';
        return EXIT_FAILURE;
    }
}
