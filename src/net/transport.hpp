#pragma once

#include "protocol/endpoint.hpp"
#include "protocol/message.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/system/error_code.hpp>
#include <openssl/crypto.h>

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace azkv::net {

namespace asio = boost::asio;

/// Up to this size a body is sent together with its head, if there is room for it in the head's memory. (Of
/// TLS a record holds 16 KiB.)
inline constexpr std::size_t longest_joined_body = 8 << 10;

/// What there was of callers that were not served, since the last time that somebody was told.
class overload {
public:
    std::size_t waiting = 0; // callers, now
    std::size_t connections = 0;
    std::size_t lost = 0;    // too little time was left for them
    std::size_t refused = 0; // the line was full
};

/// Writes the head of a request when that is about to be sent: it has the time in it, and takes memory.
class head_writer {
public:
    virtual std::string write() const = 0;

protected:
    ~head_writer() = default;
};

/// One request on its way, and what becomes of it. It must stay where it is until the transport is done.
class exchange {
public:
    /// `into`: where the response goes; it must stay there, too.
    explicit exchange(protocol::response& into) : response(into) {}

    exchange(const exchange&) = delete;
    exchange& operator=(const exchange&) = delete;

    /// By the transport, when it is about to send.
    void write_head() {
        if (writer) head = writer->write();
    }

    // A token or a signature stands in it; nothing was ever cut off.
    ~exchange() { OPENSSL_cleanse(head.data(), head.size()); }

    // What to do.
    const protocol::authority* to = nullptr;
    std::string_view id;                 // of the request, as its head tells it; empty: none
    const head_writer* writer = nullptr; // of the head, unless that is there
    std::string head;                    // request line and headers, with the empty line
    std::string_view body;
    std::chrono::steady_clock::time_point deadline; // also of the wait for a connection
    std::chrono::milliseconds attempt_timeout = std::chrono::hours(24 * 365); // from having a connection

    // What came of it: a complete response, or an error.
    protocol::response& response;
    boost::system::error_code error;
    // By sendings without a response: the one that failed, or a first one before the request was sent again.
    protocol::applied applied = protocol::applied::no;
    bool not_begun = false;    // nothing was sent: too many others wait
    bool answer_begun = false; // at least one byte of an answer arrived
    const char* doing = "";    // what was under way, for messages: "connecting to"
    std::string detail;        // what else is known of the error: why a certificate was refused
    // For those who watch.
    std::chrono::steady_clock::duration paced{0};  // before, as its partition throttles
    std::chrono::steady_clock::duration waited{0}; // for a connection
    std::optional<overload> unserved;              // callers, of whom somebody should be told
    bool connection_reused = false;                // in the last sending
    std::size_t bytes_sent = 0;                    // of HTTP, before TLS
    std::size_t bytes_received = 0;
};

/// What went wrong with an exchange: `connecting to example.com: Connection refused`.
inline std::string describe(const exchange& x, std::string_view host) {
    std::string text = x.doing;
    text.append(" ").append(host).append(": ").append(x.error.message());
    if (!x.detail.empty()) text.append(" (").append(x.detail).append(")");
    return text;
}

/// Carries requests to a service and brings the responses. Safe to share between threads.
class transport {
public:
    virtual ~transport() = default;

    /// Completes `x` by its deadline. Reports failures in `x.error`: errc::timed_out, errc::bad_response,
    /// errc::closed, or the network's own; `asio::error::operation_aborted` when the awaiting coroutine was
    /// cancelled.
    virtual asio::awaitable<void> run(exchange& x) = 0;

    /// Ends the exchanges that are under way, and those that may still come, with errc::closed; closes the
    /// connections that rest. May be called by any thread.
    virtual void close() = 0;
};

} // namespace azkv::net
