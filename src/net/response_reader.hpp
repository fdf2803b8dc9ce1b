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

/// Reads the answers that come over one connection: bytes in, responses out; no socket, no clock. Whatever
/// the peer sends, it holds no more than the limits say, and how the bytes are split changes nothing.
class response_reader {
public:
    class limits {
    public:
        limits() {}

        std::size_t head = std::size_t{32} << 10; // of a head; of the line before a chunk; of all trailers
        std::size_t body = std::size_t{64} << 20;
        int interim = 8; // 1xx answers before the one that counts
    };

    enum class progress {
        need_more, ///< read into `prepare()`, then `commit`; or `end_of_stream`
        done,      ///< the answer is complete
        failed,    ///< `error()` and `detail()` tell why; the connection is of no further use
    };

    explicit response_reader(const limits& l) : limits_(l), buffer_(l.head + line_end + read_size) {
        buffer_.reserve(buffer_.max_size()); // growing would leave copies
        begin_ = static_cast<char*>(buffer_.prepare(0).data());
    }

    response_reader(const response_reader&) = delete;
    response_reader& operator=(const response_reader&) = delete;
    ~response_reader();

    /// Begins with the next answer, in `into`, which must stay where it is; nothing may be unread.
    /// `id`: of the request. An answer that repeats another one is refused; most repeat none. `with_body`:
    /// false for what a proxy says to CONNECT.
    void start(protocol::response& into, std::string_view id, bool with_body = true);

    /// Where the next bytes go.
    asio::mutable_buffer prepare() {
        room_ = buffer_.prepare(read_size);
        return room_;
    }

    /// `n` bytes arrived there.
    progress commit(std::size_t n);

    /// A read came to its end without a byte.
    void nothing_arrived() { room_ = {}; }

    /// No more will arrive.
    progress end_of_stream();

    /// errc::bad_response, or `asio::error::eof` if the stream ended too early.
    boost::system::error_code error() const { return error_; }

    /// What else is known of the error; no text of the peer.
    const std::string& detail() const { return detail_; }

    /// Bytes that arrived since `start`.
    std::size_t received() const { return received_; }

    /// Bytes behind a complete answer: nobody asked for them.
    std::size_t unread() const { return buffer_.size(); }

    /// Whether the connection may carry another exchange. To be asked when the answer is complete.
    bool keep_alive() const { return unread() == 0 && parser_->may_be_followed(); }

    /// How long the peer will wait for it, if it told.
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
    char* begin_;               // of its memory
    std::size_t written_ = 0;   // from there on; what lies behind was never touched
    asio::mutable_buffer room_; // where a read that did not come to its end may have written
    protocol::response* response_ = nullptr;
    std::string_view id_;
    bool with_body_ = true;
    std::optional<response_parser> parser_;
    std::size_t scanned_ = 0; // bytes of the head that are known to hold no end
    int interim_ = 0;
    std::size_t received_ = 0;
    boost::system::error_code error_;
    std::string detail_;
};

} // namespace azkv::net
