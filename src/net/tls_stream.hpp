// Asio's TLS stream, with forks held back while OpenSSL is at work.
#pragma once

#include "async/scoped_handler.hpp"
#include "net/abortable_socket.hpp"
#include "support/process.hpp"

#include <boost/asio/async_result.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/system/error_code.hpp>

#include <cstddef>
#include <optional>
#include <utility>

namespace azkv::net {

/// The client's side of a TLS stream. No thread forks while a thread is inside OpenSSL, which holds
/// process-wide locks: a `fork_pause` begins with each operation and with each completion of the lower layer,
/// and ends when the next operation of the lower layer begins or the handler is called.
class tls_stream {
public:
    tls_stream(abortable_socket& s, asio::ssl::context& context) {
        const support::fork_pause pause;
        stream_.emplace(lower_layer(s), context);
    }

    tls_stream(const tls_stream&) = delete;
    tls_stream& operator=(const tls_stream&) = delete;

    ~tls_stream() {
        const support::fork_pause pause;
        stream_.reset();
    }

    SSL* native_handle() { return stream_->native_handle(); }

    template <class Handler>
    void async_handshake(Handler handler) {
        const support::fork_pause pause;
        stream_->async_handshake(asio::ssl::stream_base::client, without_pause(std::move(handler)));
    }

    template <class Buffers, class Handler>
    void async_read_some(const Buffers& buffers, Handler handler) {
        const support::fork_pause pause;
        stream_->async_read_some(buffers, without_pause(std::move(handler)));
    }

    template <class Buffers, class Handler>
    void async_write_some(const Buffers& buffers, Handler handler) {
        const support::fork_pause pause;
        stream_->async_write_some(buffers, without_pause(std::move(handler)));
    }

private:
    using error_code = boost::system::error_code;

    class end_of_pause {
    public:
        end_of_pause() { support::fork_pause::end(); }
    };

    template <class Handler>
    static auto without_pause(Handler handler) {
        return async::within<end_of_pause>(std::move(handler));
    }

    class lower_layer {
    public:
        using executor_type = abortable_socket::executor_type;
        using lowest_layer_type = abortable_socket;

        explicit lower_layer(abortable_socket& s) : socket_(s) {}

        executor_type get_executor() { return socket_.get_executor(); }

        lowest_layer_type& lowest_layer() { return socket_; }

        template <class Buffers, class Token>
        auto async_read_some(const Buffers& buffers, Token&& token) {
            return asio::async_initiate<Token, void(error_code, std::size_t)>(
                [this](auto handler, const Buffers& buffers) {
                    support::fork_pause::end();
                    socket_.async_read_some(buffers, async::within<support::fork_pause>(std::move(handler)));
                },
                token, buffers);
        }

        template <class Buffers, class Token>
        auto async_write_some(const Buffers& buffers, Token&& token) {
            return asio::async_initiate<Token, void(error_code, std::size_t)>(
                [this](auto handler, const Buffers& buffers) {
                    support::fork_pause::end();
                    socket_.async_write_some(buffers, async::within<support::fork_pause>(std::move(handler)));
                },
                token, buffers);
        }

    private:
        abortable_socket& socket_;
    };

    std::optional<asio::ssl::stream<lower_layer>> stream_;
};

} // namespace azkv::net
