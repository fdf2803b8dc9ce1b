#pragma once

#include "async/cancellation.hpp"
#include "async/manual_reset_event.hpp"
#include "net/deadlines.hpp"
#include "net/own_socket.hpp"

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

/// A TCP socket that one coroutine at a time uses, while any thread may put an end to that. Its mutex stands
/// for a strand, on which every step would be handed over: whatever begins on the socket, a step of TLS for
/// instance, begins under it. A stream in Asio's sense.
class abortable_socket final : public deadlines::watched,
                               public std::enable_shared_from_this<abortable_socket> {
public:
    using executor_type = asio::any_io_executor;
    using lowest_layer_type = abortable_socket;
    using error_code = boost::system::error_code;
    using tcp = asio::ip::tcp;

    explicit abortable_socket(const asio::any_io_executor& executor) : socket_(executor) {}

    executor_type get_executor() { return socket_.get_executor(); }

    lowest_layer_type& lowest_layer() { return *this; }

    /// Something is under way on it as long as this lives. Then it is closed, unless it was told to be kept.
    /// `slot` is the caller's: see `heed_cancellation`.
    class use {
    public:
        use(abortable_socket& s, asio::cancellation_slot slot) : socket_(s) {
            socket_.slot_ = slot;
            const std::lock_guard lock(socket_.mutex_);
            socket_.in_use_ = true;
        }

        use(const use&) = delete;
        use& operator=(const use&) = delete;

        // The signal may be gone, so the slot is left alone: the socket is not used again.
        ~use() {
            if (!ended_) end_use(false);
        }

        /// Why it was aborted, if it was. From now on it cannot be.
        error_code end(bool keep) {
            socket_.slot_.clear();
            socket_.slot_ = {};
            return end_use(keep);
        }

    private:
        error_code end_use(bool keep) {
            ended_ = true;
            const std::lock_guard lock(socket_.mutex_);
            socket_.in_use_ = false;
            socket_.waits_for_.reset();
            if (!keep || socket_.aborted_) socket_.close_locked();
            return socket_.aborted_;
        }

        abortable_socket& socket_;
        bool ended_ = false;
    };

    /// To be called before each step that the use awaits, by the coroutine: cancellation aborts the use until
    /// the step has ended. (With that Asio clears the slot.) The step must leave the slot alone.
    void heed_cancellation() {
        if (!slot_.is_connected()) return;
        async::on_terminal(slot_, weak_from_this(),
                           [](abortable_socket& s) { s.abort(asio::error::operation_aborted); });
    }

    /// Ends the use that is under way, if there is one, with `why`.
    void abort(error_code why) {
        const std::lock_guard lock(mutex_);
        if (in_use_) abort_locked(why);
    }

    /// Ends the use that is under way, or else the next one.
    void interrupt(error_code why) {
        const std::lock_guard lock(mutex_);
        abort_locked(why);
    }

    /// What it was aborted with, if it was.
    error_code aborted() const {
        const std::lock_guard lock(mutex_);
        return aborted_;
    }

    /// What the use waits for in its next step. It is set when the use is aborted, too.
    std::shared_ptr<async::manual_reset_event> new_event() {
        heed_cancellation();
        auto e = std::make_shared<async::manual_reset_event>(get_executor());
        const std::lock_guard lock(mutex_);
        if (aborted_) e->set();
        waits_for_ = e;
        return e;
    }

    void close() {
        const std::lock_guard lock(mutex_);
        close_locked();
    }

    /// Calls `f` with the socket, for what ends at once.
    template <class F>
    auto with(F f) {
        const std::lock_guard lock(mutex_);
        return f(socket_);
    }

    /// Takes a socket that is connected, unless it was aborted meanwhile.
    error_code adopt(own_socket connected) {
        const std::lock_guard lock(mutex_);
        if (aborted_) return aborted_;
        waits_for_.reset();
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
        if (waits_for_) waits_for_->set();
    }

    void close_locked() { socket_.close_own(); }

    void time_out() override { abort(errc::timed_out); }

    asio::cancellation_slot slot_; // of the use that is under way; only its coroutine touches it
    mutable std::mutex mutex_;     // guards what follows
    own_socket socket_;
    std::shared_ptr<async::manual_reset_event> waits_for_;
    error_code aborted_;
    bool in_use_ = false;
};

} // namespace azkv::net
