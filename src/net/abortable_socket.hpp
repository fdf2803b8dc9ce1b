// The TCP socket of a connection, which any thread may abort.
#pragma once

#include "async/cancellation.hpp"
#include "async/manual_reset_event.hpp"
#include "net/own_socket.hpp"
#include "net/timer_queue.hpp"

#include <azkv/error.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/system/error_code.hpp>

#include <cstddef>
#include <memory>
#include <mutex>
#include <utility>

namespace azkv::net {

/// A TCP socket that one coroutine at a time uses and any thread may abort. Its mutex replaces a strand,
/// which would hand over every step: each operation on the socket, including those of TLS, begins under the
/// mutex. An Asio stream.
class abortable_socket final : public timer_queue::entry,
                               public std::enable_shared_from_this<abortable_socket> {
public:
    using executor_type = asio::any_io_executor;
    using lowest_layer_type = abortable_socket;
    using error_code = boost::system::error_code;
    using tcp = asio::ip::tcp;

    explicit abortable_socket(const asio::any_io_executor& executor) : socket_(executor) {}

    executor_type get_executor() { return socket_.get_executor(); }

    lowest_layer_type& lowest_layer() { return *this; }

    /// The socket is in use while this lives. The destructor closes the socket unless `end(true)` was called.
    /// `slot` belongs to the caller's coroutine; see `arm_cancellation`.
    class io_scope {
    public:
        io_scope(abortable_socket& s, asio::cancellation_slot slot) : socket_(s) {
            socket_.slot_ = slot;
            const std::lock_guard lock(socket_.mutex_);
            socket_.in_use_ = true;
        }

        io_scope(const io_scope&) = delete;
        io_scope& operator=(const io_scope&) = delete;

        // Leaves the slot alone, because the signal may be destroyed already. The socket is not used again.
        ~io_scope() {
            if (!ended_) finish(false);
        }

        /// Ends the use and closes the socket unless `keep`. Returns why the use was aborted, if it was.
        error_code end(bool keep) {
            socket_.slot_.clear();
            socket_.slot_ = {};
            return finish(keep);
        }

    private:
        error_code finish(bool keep) {
            ended_ = true;
            const std::lock_guard lock(socket_.mutex_);
            socket_.in_use_ = false;
            socket_.event_.reset();
            if (!keep || socket_.aborted_) socket_.close_locked();
            return socket_.aborted_;
        }

        abortable_socket& socket_;
        bool ended_ = false;
    };

    /// Called by the coroutine before each operation that it awaits: until the operation has completed,
    /// cancellation aborts the use. (Asio clears the slot on completion.) The operation must leave the slot
    /// alone.
    void arm_cancellation() {
        if (!slot_.is_connected()) return;
        async::on_terminal(slot_, weak_from_this(),
                           [](abortable_socket& s) { s.abort(asio::error::operation_aborted); });
    }

    /// Aborts the current use, if there is one, with `why`.
    void abort(error_code why) {
        const std::lock_guard lock(mutex_);
        if (in_use_) abort_locked(why);
    }

    /// Aborts the current use, or else the next one.
    void interrupt(error_code why) {
        const std::lock_guard lock(mutex_);
        abort_locked(why);
    }

    /// Returns why the socket was aborted, if it was.
    error_code aborted() const {
        const std::lock_guard lock(mutex_);
        return aborted_;
    }

    /// Creates the event for the next operation of the use. Abort sets it, too.
    std::shared_ptr<async::manual_reset_event> new_event() {
        arm_cancellation();
        auto e = std::make_shared<async::manual_reset_event>(get_executor());
        const std::lock_guard lock(mutex_);
        if (aborted_) e->set();
        event_ = e;
        return e;
    }

    void close() {
        const std::lock_guard lock(mutex_);
        close_locked();
    }

    /// Calls `f` with the socket under the mutex. `f` must be quick.
    template <class F>
    auto with_lock(F f) {
        const std::lock_guard lock(mutex_);
        return f(socket_);
    }

    /// Takes over a connected socket. Returns why this socket was aborted, if it was.
    error_code adopt(own_socket connected) {
        const std::lock_guard lock(mutex_);
        if (aborted_) return aborted_;
        event_.reset();
        socket_ = std::move(connected);
        return {};
    }

    template <class Buffers, class Token>
    auto async_read_some(const Buffers& buffers, Token&& token) {
        return asio::async_initiate<Token, void(error_code, std::size_t)>(
            [this](auto handler, const Buffers& buffers) {
                const std::lock_guard lock(mutex_);
                socket_.async_read_some(buffers, std::move(handler));
            },
            token, buffers);
    }

    template <class Buffers, class Token>
    auto async_write_some(const Buffers& buffers, Token&& token) {
        return asio::async_initiate<Token, void(error_code, std::size_t)>(
            [this](auto handler, const Buffers& buffers) {
                const std::lock_guard lock(mutex_);
                socket_.async_write_some(buffers, std::move(handler));
            },
            token, buffers);
    }

private:
    void abort_locked(error_code why) {
        if (aborted_) return;
        aborted_ = why;
        close_locked();
        if (event_) event_->set();
    }

    void close_locked() { socket_.close_own(); }

    void time_out() override { abort(errc::timed_out); }

    asio::cancellation_slot slot_; // of the current use; only its coroutine accesses it
    mutable std::mutex mutex_;     // guards what follows
    own_socket socket_;
    std::shared_ptr<async::manual_reset_event> event_;
    error_code aborted_;
    bool in_use_ = false;
};

} // namespace azkv::net
