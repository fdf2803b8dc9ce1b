#pragma once

#include "async/event.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/system/error_code.hpp>

#include <atomic>
#include <memory>
#include <string>
#include <utility>

namespace azkv::net {

namespace asio = boost::asio;

/// A look-up of a host name. Once begun it cannot be interrupted, so it is left behind when it is cancelled.
class lookup : public std::enable_shared_from_this<lookup> {
public:
    using results = asio::ip::tcp::resolver::results_type;

    explicit lookup(const asio::any_io_executor& executor)
        : resolver_(executor), over_(std::make_shared<async::event>(executor)) {}

    /// Once. Throws `operation_aborted` when the caller is cancelled.
    asio::awaitable<boost::system::error_code> run(std::string host, std::string port, results& found) {
        const auto self = shared_from_this();
        const stop at_the_end(*this);
        resolver_.async_resolve(host, port, [self](boost::system::error_code ec, results r) {
            self->error_ = ec;
            self->results_ = std::move(r);
            self->finished_ = true;
            self->over_->set();
        });
        co_await over_->wait(async::event::time_point::max());
        if (!finished_) co_return asio::error::operation_aborted;
        found = results_;
        co_return error_;
    }

    /// Ends `run`, also if that is yet to begin. May be called by any thread.
    void cancel() { over_->set(); }

private:
    class stop {
    public:
        explicit stop(lookup& l) : lookup_(l) {}

        stop(const stop&) = delete;
        stop& operator=(const stop&) = delete;

        ~stop() { lookup_.resolver_.cancel(); } // if it has not begun, at least it does not any more

    private:
        lookup& lookup_;
    };

    asio::ip::tcp::resolver resolver_;
    const std::shared_ptr<async::event> over_; // it has finished, or was cancelled
    std::atomic<bool> finished_{false};        // what follows is there
    boost::system::error_code error_;
    results results_;
};

} // namespace azkv::net
