#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/error_code.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <utility>

namespace azkv::net {

namespace asio = boost::asio;

/// A look-up of a host name, on a strand. Once begun it cannot be interrupted, so it is left behind when it
/// is cancelled.
class lookup : public std::enable_shared_from_this<lookup> {
public:
    using results = asio::ip::tcp::resolver::results_type;

    explicit lookup(const asio::any_io_executor& strand)
        : resolver_(strand), done_(strand, std::chrono::steady_clock::time_point::max()) {}

    /// Once.
    asio::awaitable<boost::system::error_code> run(std::string host, std::string port, results& found) {
        const auto self = shared_from_this();
        resolver_.async_resolve(host, port, [self](boost::system::error_code ec, results r) {
            self->finished_ = true;
            self->error_ = ec;
            self->results_ = std::move(r);
            self->done_.cancel();
        });
        boost::system::error_code ignored;
        if (!finished_) co_await done_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
        if (!finished_) co_return asio::error::operation_aborted;
        found = results_;
        co_return error_;
    }

    void cancel() {
        resolver_.cancel(); // at least it does not begin any more
        done_.cancel();
    }

private:
    asio::ip::tcp::resolver resolver_;
    asio::steady_timer done_; // cancelled when the result is there
    bool finished_ = false;
    boost::system::error_code error_;
    results results_;
};

} // namespace azkv::net
