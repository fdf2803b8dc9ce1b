// Host look-ups that hang. The resolver's own function stands here instead of the system's, and keeps
// everybody waiting who asks for one certain host.

#include "net/http_transport.hpp"
#include "support/run.hpp"

#include <azkv.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <doctest/doctest.h>

#include <condition_variable>
#include <cstring>
#include <dlfcn.h>
#include <mutex>
#include <netdb.h>

using namespace azkv;
using namespace azkv::test;
using namespace std::chrono_literals;

namespace {

std::mutex mutex;
std::condition_variable changed;
int started = 0; // look-ups of the host that hangs
bool released = false;

} // namespace

extern "C" int getaddrinfo(const char* node, const char* service, const addrinfo* hints, addrinfo** result) {
    if (node && std::strcmp(node, "hanging.test") == 0) {
        std::unique_lock lock(mutex);
        ++started;
        changed.notify_all();
        changed.wait(lock, [] { return released; });
        return EAI_NONAME;
    }
    using function = int (*)(const char*, const char*, const addrinfo*, addrinfo**);
    static const auto real = reinterpret_cast<function>(dlsym(RTLD_NEXT, "getaddrinfo"));
    return real(node, service, hints, result);
}

TEST_CASE("a look-up that hangs holds up nobody, and those behind it are not begun") {
    asio::io_context context;
    store db(context.get_executor(), "https://hanging.test",
             credential::shared_key("acct", "c2VjcmV0LXNlY3JldA=="),
             store_options().connect_timeout(10ms).max_attempts(1));
    int timed_out = 0;
    for (int i = 0; i < 5; ++i)
        asio::co_spawn(context, db.get("k"), [&](std::exception_ptr f, auto) {
            const error e = failure_of([&] { std::rethrow_exception(f); });
            timed_out += e.code() == condition::timed_out && contains(e.what(), "looking up hanging.test");
        });
    while (timed_out < 5) REQUIRE(context.run_one() == 1);

    asio::cancellation_signal signal;
    bool cancelled = false;
    asio::co_spawn(context, db.get("k"),
                   asio::bind_cancellation_slot(
                       signal.slot(), [&](std::exception_ptr f, auto) { cancelled = f != nullptr; }));
    context.poll();
    signal.emit(asio::cancellation_type::terminal);
    while (!cancelled) REQUIRE(context.run_one() == 1);

    net::connector::settings patient;
    patient.connect_timeout = 1h;
    net::http_transport transport(context.get_executor(), 1, patient);
    protocol::authority to;
    to.host = "hanging.test";
    to.port = "80";
    protocol::response response;
    net::exchange x(response);
    x.to = &to;
    x.deadline = std::chrono::steady_clock::now() + 1h;
    bool ended = false;
    asio::co_spawn(context, transport.run(x), [&](std::exception_ptr) { ended = true; });
    context.poll();
    CHECK(std::string_view(x.doing) == "looking up");
    transport.close();
    while (!ended) REQUIRE(context.run_one() == 1);
    CHECK(x.error == errc::closed);
    CHECK(transport.connections().in_use() == 0);

    {
        const std::lock_guard lock(mutex);
        CHECK(started == 1); // the others wait behind it
        released = true;
        changed.notify_all();
    }
    context.run();
    CHECK(started == 1); // and are not asked for any more
}
