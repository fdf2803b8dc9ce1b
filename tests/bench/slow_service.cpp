#include "slow_service.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <cstdlib>
#include <string_view>
#include <utility>

namespace azkv::bench {

using asio::ip::tcp;

namespace {

std::string with_head(const std::string& status, const std::string& body) {
    std::string head = "HTTP/1.1 " + status + "\r\n";
    if (!body.empty())
        head += "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n";
    return head + "\r\n" + body;
}

// 1 KB in five texts.
std::string entity() {
    std::string body = R"({"PartitionKey":"default","RowKey":"r000001")";
    for (const char* name : {"p0", "p1", "p2", "p3", "p4"})
        body += ",\"" + std::string(name) + "\":\"" + std::string(180, 'x') + '"';
    return body + '}';
}

std::size_t body_size(std::string_view head) {
    constexpr std::string_view name = "\r\nContent-Length: ";
    const auto at = head.find(name);
    return at == head.npos ? 0 : std::strtoull(head.data() + at + name.size(), nullptr, 10);
}

} // namespace

slow_service::slow_service(const delays& d)
    : delays_(d), acceptor_(context_, tcp::endpoint(asio::ip::address_v4::loopback(), 0)) {
    acceptor_.listen(4096);
    asio::co_spawn(context_, accept(), asio::detached);
    thread_ = std::thread([this] { context_.run(); });
}

slow_service::~slow_service() {
    context_.stop();
    thread_.join();
}

std::string slow_service::url() const {
    return "http://127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port()) + "/devstoreaccount1";
}

asio::awaitable<void> slow_service::accept() {
    for (;;) {
        tcp::socket peer = co_await acceptor_.async_accept(asio::use_awaitable);
        peer.set_option(tcp::no_delay(true));
        asio::co_spawn(context_, serve(std::move(peer)), asio::detached);
    }
}

// Until the peer leaves, which throws an exception that ends the coroutine.
asio::awaitable<void> slow_service::serve(tcp::socket peer) {
    const std::string got = with_head("200 OK", entity());
    const std::string taken = with_head("204 No Content", {});
    std::string in;
    asio::steady_timer timer(context_);
    for (;;) {
        const std::size_t head =
            co_await asio::async_read_until(peer, asio::dynamic_buffer(in), "\r\n\r\n", asio::use_awaitable);
        const std::size_t size = head + body_size(std::string_view(in).substr(0, head));
        if (in.size() < size)
            co_await asio::async_read(peer, asio::dynamic_buffer(in),
                                      asio::transfer_exactly(size - in.size()), asio::use_awaitable);
        const bool is_get = in.starts_with("GET ");
        in.erase(0, size);
        timer.expires_after(delay());
        co_await timer.async_wait(asio::use_awaitable);
        const std::string& answer = is_get ? got : taken;
        co_await asio::async_write(peer, asio::buffer(answer), asio::use_awaitable);
    }
}

std::chrono::nanoseconds slow_service::delay() {
    const std::chrono::duration<double> age = std::chrono::steady_clock::now() - began_;
    double ms = delays_.mean_ms;
    if (delays_.exponential) ms = std::exponential_distribution(1 / ms)(random_);
    if (delays_.slow_share > 0 && std::bernoulli_distribution(delays_.slow_share)(random_))
        ms = delays_.slow_ms;
    const double into_hiccup = age.count() - delays_.hiccup_at_s;
    if (into_hiccup >= 0 && into_hiccup < delays_.hiccup_for_s) ms *= delays_.hiccup_factor;
    return std::chrono::nanoseconds(static_cast<long long>(ms * 1e6));
}

} // namespace azkv::bench
