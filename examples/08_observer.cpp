// Observing a store: metrics for each operation, log lines for failures, progress, and an orderly close.

#include <azkv.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <chrono>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <map>
#include <mutex>
#include <string>

namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

class metrics {
public:
    int operations = 0;
    int failures = 0;
    std::chrono::steady_clock::duration time{0};
};

std::mutex mutex; // operations may complete on several threads
std::map<std::string, metrics> by_operation;

void count(std::string_view operation, std::chrono::steady_clock::duration time,
           const boost::system::error_code& error) {
    const std::lock_guard lock(mutex);
    metrics& m = by_operation[std::string(operation)];
    ++m.operations;
    m.failures += error.failed();
    m.time += time;
}

asio::awaitable<void> serve(azkv::store db) {
    std::vector<std::pair<std::string, azkv::value>> pairs;
    for (int i = 0; i < 500; ++i) {
        azkv::value v;
        v["n"] = i;
        pairs.emplace_back(std::to_string(i), std::move(v));
    }
    const azkv::put_all_progress progress = [](std::size_t done, std::size_t total) {
        if (done == total) std::cout << "written: " << done << " of " << total << '\n';
    };
    co_await db.put_all(std::move(pairs), "numbers", 100, progress);

    // The requests of this operation continue the caller's trace.
    auto traced = db.with_traceparent("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    const auto found = co_await traced.get("42", "numbers");
    std::cout << "found: " << azkv::serialize_value(found.value()) << '\n';

    // A view for another partition, whose calls are not retried.
    auto quick = db.in_partition("tenant-7").with_timeout(2s).with_max_attempts(1);
    const auto other = co_await quick.get("42", "numbers");
    std::cout << "in tenant-7: " << (other ? "found\n" : "absent\n");

    const bool all_finished = co_await db.close(5s);
    std::cout << (all_finished ? "closed\n" : "closed, some operations were aborted\n");
}

} // namespace

int main() {
    try {
        auto options = azkv::store_options()
                           .observer([](const azkv::event& e) {
                               if (e.kind == azkv::event_kind::operation)
                                   count(e.operation, e.elapsed, e.error);
                           })
                           .logger(azkv::log_level::warning,
                                   [](azkv::log_level, std::string_view line) { std::clog << line << '\n'; });
        const char* const service = std::getenv("AZKV_CONNECTION_STRING");
        asio::io_context context;
        auto db = azkv::store::from_connection_string(
            context.get_executor(), service ? service : "UseDevelopmentStorage=true", options);
        asio::co_spawn(context, serve(db), [](std::exception_ptr failure) {
            if (failure) std::rethrow_exception(failure);
        });
        context.run();
        for (const auto& [operation, m] : by_operation)
            std::cout << operation << ": " << m.operations << ", " << m.failures << " of them failed\n";
    } catch (const azkv::put_all_error& e) {
        std::cerr << e.what() << '\n';
        for (const std::string& key : e.not_written()) std::cerr << "not written: " << key << '\n';
        return EXIT_FAILURE;
    } catch (const std::exception& e) {
        std::cerr << e.what() << '\n';
        return EXIT_FAILURE;
    }
}
