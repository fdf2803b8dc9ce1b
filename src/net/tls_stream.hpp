// TLS of Asio, such that no thread forks while OpenSSL is busy.
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

/// Asio's stream over TLS, for the side of the client. While a thread is in OpenSSL, which has locks of the
/// whole process, none forks: a pause begins with each step, and with each completion below, and ends where
/// the next step below begins or the handler is called.
class tls_stream {
public:
    tls_stream(abortable_socket& s, asio::ssl::context& context) {
        const support::fork_pause pause;
        stream_.emplace(below(s), context);
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
        stream_->async_handshake(asio::ssl::stream_base::client, outside(std::move(handler)));
    }

    template <class Buffers, class Handler>
    void async_read_some(const Buffers& buffers, Handler handler) {
        const support::fork_pause pause;
        stream_->async_read_some(buffers, outside(std::move(handler)));
    }

    template <class Buffers, class Handler>
    void async_write_some(const Buffers& buffers, Handler handler) {
        const support::fork_pause pause;
        stream_->async_write_some(buffers, outside(std::move(handler)));
    }

private:
    using error_code = boost::system::error_code;

    class end_of_pause {
    public:
        end_of_pause() { support::fork_pause::end(); }
    };

    template <class Handler>
    static auto outside(Handler handler) {
        return async::within<end_of_pause>(std::move(handler));
    }

    class below {
    public:
        using executor_type = abortable_socket::executor_type;
        using lowest_layer_type = abortable_socket;

        explicit below(abortable_socket& s) : socket_(s) {}

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

    std::optional<asio::ssl::stream<below>> stream_;
};

} // namespace azkv::net
