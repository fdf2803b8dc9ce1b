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

/// The attempts under way. Each completion begins the next one, on whatever thread it comes.
class race : public std::enable_shared_from_this<race> {
public:
    race(const asio::any_io_executor& executor, std::vector<tcp::endpoint> to,
         std::shared_ptr<async::manual_reset_event> over)
        : executor_(executor), to_(std::move(to)), over_(std::move(over)), pause_(executor) {}

    void start() {
        const std::lock_guard lock(mutex_);
        begin_next();
    }

    /// Ends what is under way. Returns what came of it.
    error_code finish(own_socket& connected, std::size_t& tried) {
        const std::lock_guard lock(mutex_);
        tried = tried_;
        stop(asio::error::operation_aborted);
        if (!error_) connected = std::move(*winner_);
        return error_;
    }

    void abandon() {
        const std::lock_guard lock(mutex_);
        stop(asio::error::operation_aborted);
    }

private:
    using place = std::list<own_socket>::iterator;

    // All that follows: precondition: locked.

    void begin_next() {
        while (tried_ < to_.size()) {
            const tcp::endpoint& to = to_[tried_++];
            const place s = sockets_.emplace(sockets_.end(), executor_);
            if (const error_code ec = s->open_own(to.protocol())) {
                note(ec);
                continue;
            }
            s->async_connect(to, [self = shared_from_this(), s](error_code ec) { self->ended(s, ec); });
            ++under_way_;
            if (tried_ < to_.size()) {
                pause_.expires_after(connection_attempt_delay);
                pause_.async_wait([self = shared_from_this(), n = tried_](error_code ec) {
                    if (!ec) self->was_silent(n);
                });
            }
            return;
        }
        if (under_way_ == 0) stop(error_);
    }

    // That this machine has no such addresses says nothing about the host.
    void note(error_code ec) {
        const bool of_this_machine = ec == boost::system::errc::address_family_not_supported
                                     || ec == boost::system::errc::address_not_available
                                     || ec == boost::system::errc::protocol_not_supported;
        if (!error_ || !of_this_machine) error_ = ec;
    }

    // An exception has nowhere to go from a handler.
    void begin_next_or_stop() {
        try {
            begin_next();
        } catch (const std::bad_alloc&) {
            stop(asio::error::no_memory);
        }
    }

    void stop(error_code why) {
        if (stopped_) return;
        stopped_ = true;
        error_ = why;
        pause_.cancel();
        for (place s = sockets_.begin(); s != sockets_.end(); ++s)
            if (s != winner_) s->close_own();
        over_->set();
    }

    // End of these.

    void ended(place s, error_code ec) {
        const std::lock_guard lock(mutex_);
        --under_way_;
        if (stopped_) return;
        if (!ec) {
            winner_ = s;
            stop({});
        } else {
            s->close_own();
            note(ec);
            begin_next_or_stop();
        }
    }

    void was_silent(std::size_t tried) {
        const std::lock_guard lock(mutex_);
        if (!stopped_ && tried == tried_) begin_next_or_stop();
    }

    const asio::any_io_executor executor_;
    const std::vector<tcp::endpoint> to_;
    const std::shared_ptr<async::manual_reset_event> over_;
    std::mutex mutex_; // guards what follows
    asio::steady_timer pause_;
    std::list<own_socket> sockets_; // of all that were tried
    place winner_ = sockets_.end();
    std::size_t tried_ = 0;
    std::size_t under_way_ = 0;
    error_code error_; // the last
    bool stopped_ = false;
};

} // namespace

asio::awaitable<error_code> connect_first(std::vector<tcp::endpoint> to, std::shared_ptr<async::manual_reset_event> over,
                                          own_socket& connected, std::size_t& tried) {
    class abandoning {
    public:
        explicit abandoning(race& r) : race_(r) {}

        abandoning(const abandoning&) = delete;
        abandoning& operator=(const abandoning&) = delete;

        ~abandoning() { race_.abandon(); }

    private:
        race& race_;
    };

    const auto attempts = std::make_shared<race>(over->get_executor(), std::move(to), over);
    const abandoning at_the_end(*attempts);
    attempts->start();
    co_await over->wait_until_set();
    co_return attempts->finish(connected, tried);
}

} // namespace azkv::net
