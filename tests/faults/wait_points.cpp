#include "faults/wait_points.hpp"

#include "faults/silent_peer.hpp"
#include "support/all_operations.hpp"
#include "support/test_account.hpp"

#include <azkv.hpp>
#include <azkv/emulator.hpp>
#include <azkv/identity.hpp>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <condition_variable>
#include <cstring>
#include <dlfcn.h>
#include <mutex>
#include <netdb.h>

namespace azkv::test {

namespace {

using namespace std::chrono_literals;

std::mutex look_up_mutex;
std::condition_variable look_up_changed;
bool look_ups_hang = false;

const credential key = test_credential();

std::string url(std::string_view scheme, unsigned short port) {
    return std::string(scheme) + "://127.0.0.1:" + std::to_string(port) + "/acct";
}

// In front of a peer that may speak TLS or not.
wait_point::setting before(silent_peer::manner m, std::string_view scheme, std::string first_words = {}) {
    return [=](asio::io_context& context, store_options o) {
        auto peer = std::make_shared<silent_peer>(m, first_words);
        const unsigned short port = peer->port();
        return test_setup(pooled_store(context.get_executor(), url(scheme, port), key, std::move(o)), port,
                          std::move(peer));
    };
}

wait_point::setting before_silence() {
    return before(silent_peer::manner::reads, "http");
}

test_setup in_line(asio::io_context& context, store_options o) {
    return before_silence()(context, std::move(o.max_connections(1)));
}

test_setup before_a_look_up(asio::io_context& context, store_options o) {
    {
        const std::lock_guard lock(look_up_mutex);
        look_ups_hang = true;
    }
    return test_setup(pooled_store(context.get_executor(), "https://hanging.test", key, std::move(o)), 0);
}

test_setup before_a_full_port(asio::io_context& context, store_options o) {
    auto peer = std::make_shared<full_port>();
    const unsigned short port = peer->port();
    return test_setup(pooled_store(context.get_executor(), url("http", port), key, std::move(o)), 0,
                      std::move(peer)); // to which the test has connections, too
}

test_setup before_a_proxy(asio::io_context& context, store_options o) {
    auto peer = std::make_shared<silent_peer>();
    const unsigned short port = peer->port();
    o.proxy(proxy(secret("http://127.0.0.1:" + std::to_string(port))));
    return test_setup(pooled_store(context.get_executor(), "https://behind.test", key, std::move(o)), port,
                      std::move(peer));
}

test_setup in_a_pause(asio::io_context& context, store_options o, fault busy) {
    auto service = std::make_shared<emulator>();
    service->faults(fault_plan().sometimes(1.0, std::move(busy)));
    pooled_store s(context.get_executor(), service->connection_string(), std::move(o.max_attempts(1'000)));
    const unsigned short port = service->port();
    return test_setup(std::move(s), port, std::move(service));
}

test_setup in_a_long_pause(asio::io_context& context, store_options o) {
    return in_a_pause(context, std::move(o), fault::answer(503, "InternalError").header("Retry-After", "30"));
}

test_setup in_short_pauses(asio::io_context& context, store_options o) {
    return in_a_pause(context, std::move(o),
                      fault::answer(503, "InternalError").header("x-ms-retry-after-ms", "15"));
}

test_setup at_a_throttled_partition(asio::io_context& context, store_options o) {
    return in_a_pause(context, std::move(o),
                      fault::answer(429, "TooManyRequests").header("Retry-After", "30"));
}

asio::awaitable<access_token> wait_for_ever(token_request) {
    asio::steady_timer never(co_await asio::this_coro::executor, asio::steady_timer::time_point::max());
    co_await never.async_wait(asio::use_awaitable);
    co_return access_token();
}

test_setup before_a_token(asio::io_context& context, store_options o) {
    auto peer = std::make_shared<silent_peer>();
    const unsigned short port = peer->port();
    return test_setup(pooled_store(context.get_executor(), url("http", port),
                                   credential::token(callback_credential(&wait_for_ever)),
                                   std::move(o.allow_plain_http(true))),
                      port, std::move(peer));
}

asio::awaitable<void> run_sample(const operation_sample& o, store db, operation_arguments a) {
    co_await o.call(std::move(db), std::move(a));
}

// Those of one key wait for each other.
asio::awaitable<void> update_another(store db) {
    static int keys = 0;
    operation_arguments a;
    a.key += std::to_string(++keys);
    return run_sample(operation_named("update"), std::move(db), std::move(a));
}

wait_point::operation operation(const operation_sample& o) {
    return [&o](store db) { return run_sample(o, std::move(db), o.arguments); };
}

wait_point::operation operation(std::string_view name) {
    return operation(operation_named(name));
}

std::vector<std::pair<std::string, value>> pairs(int n, std::size_t size) {
    std::vector<std::pair<std::string, value>> all;
    for (int i = 0; i < n; ++i) {
        value v;
        for (std::size_t left = size; left > 0; left -= std::min<std::size_t>(left, 30'000))
            v["t" + std::to_string(left)] = std::string(std::min<std::size_t>(left, 30'000), 't');
        all.emplace_back("k" + std::to_string(i), std::move(v));
    }
    return all;
}

// More than the kernel keeps for a peer that does not read.
asio::awaitable<void> put_much(store db) {
    operation_arguments a;
    a.pairs = pairs(8, 450'000);
    return run_sample(operation_named("put_all"), std::move(db), std::move(a));
}

std::vector<wait_point> make_wait_points() {
    std::vector<wait_point> all;
    const auto add = [&](std::string name, wait_point::setting set, wait_point::operation run,
                         const char* doing) -> wait_point& {
        wait_point& p = all.emplace_back(std::move(name), std::move(set), std::move(run));
        p.doing = doing;
        return p;
    };
    add("in line for a connection", &in_line, operation("get"), "waiting for a connection to");
    add("looking up the host", &before_a_look_up, operation("put"), "looking up");
    add("connecting", &before_a_full_port, operation("put"), "connecting to");
    add("in the handshake of TLS", before(silent_peer::manner::reads, "https"), operation("put"),
        "TLS handshake with");
    add("before a silent proxy", &before_a_proxy, operation("put"), "asking the proxy for a tunnel to");
    wait_point& sending =
        add("sending", before(silent_peer::manner::is_deaf, "http"), &put_much, "sending the request to");
    sending.tries = 4;
    sending.may_be_applied = true;
    for (const operation_sample& o : all_operations())
        add("waiting for the answer to " + o.name, before_silence(),
            o.name == "update" ? &update_another : operation(o), "waiting for a response from")
            .may_be_applied = o.writes() && o.name != "update"; // that has only read
    add("in line with updates of a key", before_silence(), operation("update"), "");
    add("in the middle of the answer",
        before(silent_peer::manner::reads, "http",
               "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{\"Part"),
        operation("get"), "reading the response from");
    // No more than the budget of retries has in reserve.
    for (const bool is_long : {true, false}) {
        wait_point& p = add(is_long ? "in a long pause before a retry" : "in short pauses before retries",
                            is_long ? &in_a_long_pause : &in_short_pauses, operation("put"), "");
        p.tries = is_long ? 40 : 10;
        p.may_be_applied = true;
        p.gives_up = true;
    }
    wait_point& throttled =
        add("in line at a throttled partition", &at_a_throttled_partition, operation("put"), "");
    throttled.tries = 40; // of which some are refused, and the others never sent
    throttled.is_sent_before = true;
    throttled.gives_up = true;
    add("waiting for a token", &before_a_token, operation("put"), "logging in");
    return all;
}

} // namespace

const std::vector<wait_point>& all_wait_points() {
    static const std::vector<wait_point> all = make_wait_points();
    return all;
}

void release_look_ups() {
    const std::lock_guard lock(look_up_mutex);
    look_ups_hang = false;
    look_up_changed.notify_all();
}

} // namespace azkv::test

// The resolver's own function stands here instead of the system's, and keeps everybody waiting who asks for
// one certain host.
extern "C" int getaddrinfo(const char* node, const char* service, const addrinfo* hints, addrinfo** result) {
    using namespace azkv::test;
    if (node && std::strcmp(node, "hanging.test") == 0) {
        std::unique_lock lock(look_up_mutex);
        look_up_changed.wait(lock, [] { return !look_ups_hang; });
        return EAI_NONAME;
    }
    using function = int (*)(const char*, const char*, const addrinfo*, addrinfo**);
    static const auto real = reinterpret_cast<function>(dlsym(RTLD_NEXT, "getaddrinfo"));
    return real(node, service, hints, result);
}
