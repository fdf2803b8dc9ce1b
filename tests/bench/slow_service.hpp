// A service whose answers take as long as a benchmark wants.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <chrono>
#include <memory>
#include <random>
#include <string>
#include <thread>

namespace azkv::bench {

namespace asio = boost::asio;

/// When a service answers.
class delays {
public:
    double mean_ms = 5;
    bool exponential = false;
    double slow_share = 0; // the share of requests that take another time
    double slow_ms = 500;
    // a period in which it is this much slower, counted from its start
    double hiccup_at_s = 0, hiccup_for_s = 0, hiccup_factor = 1;
};

/// Serves each GET the same entity, and accepts each PUT, at `url()`, on a thread of its own.
class slow_service {
public:
    explicit slow_service(const delays& d);
    slow_service(const slow_service&) = delete;
    slow_service& operator=(const slow_service&) = delete;
    ~slow_service();

    /// With the account.
    std::string url() const;

private:
    asio::awaitable<void> accept();
    asio::awaitable<void> serve(asio::ip::tcp::socket peer);
    std::chrono::nanoseconds delay();

    const delays delays_;
    const std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
    std::mt19937_64 random_{1};
    asio::io_context context_{1};
    asio::ip::tcp::acceptor acceptor_;
    std::thread thread_;
};

} // namespace azkv::bench
