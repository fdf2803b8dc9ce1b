// Reads HTTP responses: bytes in, responses out. No I/O, no clock.
#pragma once

#include "net/response_parser.hpp"
#include "protocol/message.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/system/error_code.hpp>

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>

namespace azkv::net {

namespace asio = boost::asio;

/// Reads the responses of one connection. Whatever the peer sends, it uses no more memory than the limits
/// allow, and the result does not depend on how the bytes are split.
class response_reader {
public:
    class limits {
    public:
        limits() {}

        std::size_t head = std::size_t{32} << 10; // also of the line before a chunk, and of all trailers
        std::size_t body = std::size_t{64} << 20;
        int interim = 8; // 1xx responses before the final one
    };

    enum class progress {
        need_more, ///< read into `prepare()`, then call `commit`; or call `end_of_stream`
        done,      ///< the response is complete
        failed,    ///< see `error()` and `detail()`; the connection must not be reused
    };

    explicit response_reader(const limits& l) : limits_(l), buffer_(l.head + line_end + read_size) {
        buffer_.reserve(buffer_.max_size()); // growing would leave copies in freed memory
        begin_ = static_cast<char*>(buffer_.prepare(0).data());
    }

    response_reader(const response_reader&) = delete;
    response_reader& operator=(const response_reader&) = delete;
    ~response_reader();

    /// Begins the next response. `into` must not move. A response that repeats another client request id than
    /// `id` is rejected; most services repeat none. `with_body` is false for the response to CONNECT.
    /// Precondition: `unread()` is 0.
    void start(protocol::response& into, std::string_view id, bool with_body = true);

    /// Returns the buffer for the next read.
    asio::mutable_buffer prepare() {
        room_ = buffer_.prepare(read_size);
        return room_;
    }

    /// Processes `n` bytes that were read into the buffer.
    progress commit(std::size_t n);

    /// A read ended without a byte.
    void nothing_arrived() { room_ = {}; }

    /// The peer has closed the stream.
    progress end_of_stream();

    /// Returns errc::bad_response, or `asio::error::eof` if the stream ended within the response.
    boost::system::error_code error() const { return error_; }

    /// Returns more about the error. Contains no text from the peer.
    const std::string& detail() const { return detail_; }

    /// Returns the number of bytes since `start`.
    std::size_t received() const { return received_; }

    /// Returns the number of bytes after a complete response, which are unexpected.
    std::size_t unread() const { return buffer_.size(); }

    /// Returns whether another exchange may follow. Precondition: the response is complete.
    bool keep_alive() const { return unread() == 0 && parser_->may_be_followed(); }

    /// Returns how long the peer keeps the connection open, if it has announced that.
    std::optional<std::chrono::seconds> keep_alive_timeout() const { return parser_->keep_alive_timeout(); }

private:
    static constexpr std::size_t read_size = std::size_t{64} << 10;
    static constexpr std::size_t line_end = 2;

    void note_written(std::size_t n);
    void expect_head();
    progress read(bool ended);
    progress find_head();
    progress read_head(std::size_t size);
    progress read_body(bool ended);
    progress fail(boost::system::error_code ec, std::string detail);
    progress fail(boost::system::error_code parsing);

    limits limits_;
    boost::beast::flat_buffer buffer_;
    char* begin_;               // of the buffer's memory
    std::size_t written_ = 0;   // bytes from there on that were ever written
    asio::mutable_buffer room_; // of the read in flight, which may have written to it
    protocol::response* response_ = nullptr;
    std::string_view id_;
    bool with_body_ = true;
    std::optional<response_parser> parser_;
    std::size_t scanned_ = 0; // bytes of the head that do not contain its end
    int interim_ = 0;
    std::size_t received_ = 0;
    boost::system::error_code error_;
    std::string detail_;
};

} // namespace azkv::net
