#include "net/connect_first.hpp"

#include "net/own_socket.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/steady_timer.hpp>

#include <list>
#include <mutex>
#include <new>
#include <utility>

namespace azkv::net {

using asio::ip::tcp;
using boost::system::error_code;

namespace {

/// The attempts in flight. Each completion starts the next attempt, on any thread.
class race : public std::enable_shared_from_this<race> {
public:
    race(const asio::any_io_executor& executor, std::vector<tcp::endpoint> to,
         std::shared_ptr<async::manual_reset_event> done)
        : executor_(executor), to_(std::move(to)), done_(std::move(done)), delay_(executor) {}

    void start() {
        const std::lock_guard lock(mutex_);
        start_next();
    }

    /// Stops the attempts. Returns the result of the race.
    error_code finish(own_socket& connected, std::size_t& tried) {
        const std::lock_guard lock(mutex_);
        tried = tried_;
        stop(asio::error::operation_aborted);
        if (!error_) connected = std::move(*winner_);
        return error_;
    }

    void cancel() {
        const std::lock_guard lock(mutex_);
        stop(asio::error::operation_aborted);
    }

private:
    using attempt = std::list<own_socket>::iterator;

    // Precondition of the functions up to the next such comment: locked.

    void start_next() {
        while (tried_ < to_.size()) {
            const tcp::endpoint& to = to_[tried_++];
            const attempt s = sockets_.emplace(sockets_.end(), executor_);
            if (const error_code ec = s->open_own(to.protocol())) {
                record(ec);
                continue;
            }
            s->async_connect(to,
                             [self = shared_from_this(), s](error_code ec) { self->on_connected(s, ec); });
            ++in_flight_;
            if (tried_ < to_.size()) {
                delay_.expires_after(connection_attempt_delay);
                delay_.async_wait([self = shared_from_this(), n = tried_](error_code ec) {
                    if (!ec) self->on_delay(n);
                });
            }
            return;
        }
        if (in_flight_ == 0) stop(error_);
    }

    // An error of this machine, such as a missing address family, does not replace one of the host.
    void record(error_code ec) {
        const bool is_local = ec == boost::system::errc::address_family_not_supported
                              || ec == boost::system::errc::address_not_available
                              || ec == boost::system::errc::protocol_not_supported;
        if (!error_ || !is_local) error_ = ec;
    }

    // A handler must not throw: the exception would leave through the execution context.
    void start_next_or_stop() {
        try {
            start_next();
        } catch (const std::bad_alloc&) {
            stop(asio::error::no_memory);
        }
    }

    void stop(error_code why) {
        if (stopped_) return;
        stopped_ = true;
        error_ = why;
        delay_.cancel();
        for (attempt s = sockets_.begin(); s != sockets_.end(); ++s)
            if (s != winner_) s->close_own();
        done_->set();
    }

    // The functions from here on lock the mutex themselves.

    void on_connected(attempt s, error_code ec) {
        const std::lock_guard lock(mutex_);
        --in_flight_;
        if (stopped_) return;
        if (!ec) {
            winner_ = s;
            stop({});
        } else {
            s->close_own();
            record(ec);
            start_next_or_stop();
        }
    }

    void on_delay(std::size_t tried) {
        const std::lock_guard lock(mutex_);
        if (!stopped_ && tried == tried_) start_next_or_stop();
    }

    const asio::any_io_executor executor_;
    const std::vector<tcp::endpoint> to_;
    const std::shared_ptr<async::manual_reset_event> done_;
    std::mutex mutex_; // guards what follows
    asio::steady_timer delay_;
    std::list<own_socket> sockets_; // one for each endpoint tried
    attempt winner_ = sockets_.end();
    std::size_t tried_ = 0;
    std::size_t in_flight_ = 0;
    error_code error_; // of the last attempt
    bool stopped_ = false;
};

} // namespace

asio::awaitable<error_code> connect_first(std::vector<tcp::endpoint> to,
                                          std::shared_ptr<async::manual_reset_event> done,
                                          own_socket& connected, std::size_t& tried) {
    class cancel_at_exit {
    public:
        explicit cancel_at_exit(race& r) : race_(r) {}

        cancel_at_exit(const cancel_at_exit&) = delete;
        cancel_at_exit& operator=(const cancel_at_exit&) = delete;

        ~cancel_at_exit() { race_.cancel(); }

    private:
        race& race_;
    };

    const auto attempts = std::make_shared<race>(done->get_executor(), std::move(to), done);
    const cancel_at_exit guard(*attempts);
    attempts->start();
    co_await done->wait_until_set();
    co_return attempts->finish(connected, tried);
}

} // namespace azkv::net
