// What is sent and what comes back: the interface between the operations and the network.
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

/// Up to this size a body is sent together with its head if the head's memory has room for it. (A TLS record
/// holds 16 KiB.)
inline constexpr std::size_t longest_joined_body = 8 << 10;

/// Callers that got no connection since the last report.
class overload {
public:
    std::size_t waiting = 0; // callers in the queue now
    std::size_t connections = 0;
    std::size_t lost = 0;    // had too little time left
    std::size_t refused = 0; // found the queue full
};

/// Writes the head of a request just before it is sent, because it contains the time and takes memory.
class head_writer {
public:
    virtual std::string write() const = 0;

protected:
    ~head_writer() = default;
};

/// One request and its result. Must not move until the transport has completed it.
class exchange {
public:
    /// `into` receives the response and must not move either.
    explicit exchange(protocol::response& into) : response(into) {}

    exchange(const exchange&) = delete;
    exchange& operator=(const exchange&) = delete;

    /// Called by the transport just before it sends.
    void write_head() {
        if (writer) head = writer->write();
    }

    // The head contains a token or a signature. It has never been shortened, so this wipes all of it.
    ~exchange() { OPENSSL_cleanse(head.data(), head.size()); }

    // The request.
    const protocol::authority* to = nullptr;
    std::string_view id;                 // the client request id in its head; empty if there is none
    const head_writer* writer = nullptr; // writes `head`; null if it is written already
    std::string head;                    // request line and headers with the empty line
    std::string_view body;
    protocol::idempotency idempotency = protocol::idempotency::never; // or it may be sent again
    std::chrono::steady_clock::time_point deadline;                   // includes the wait for a connection
    std::chrono::milliseconds attempt_timeout =
        std::chrono::hours(24 * 365); // begins once there is a connection

    // The result: a complete response or an error.
    protocol::response& response;
    boost::system::error_code error;
    // By sendings without a response: the one that failed, or a first one before the request was sent again.
    protocol::applied applied = protocol::applied::no;
    bool overloaded = false;     // no connection became free in time; nothing was sent
    bool response_begun = false; // at least one byte of a response arrived
    const char* phase = "";      // for messages: "connecting to"
    std::string detail;          // more about the error: why a certificate was rejected
    // For telemetry.
    std::chrono::steady_clock::duration paced{0};  // delay before it, because its partition throttles
    std::chrono::steady_clock::duration waited{0}; // for a connection
    std::optional<overload> overload_report;       // to be passed to the observer
    bool connection_reused = false;                // by the last send
    std::size_t bytes_sent = 0;                    // of HTTP, without TLS
    std::size_t bytes_received = 0;
};

/// Returns why an exchange failed: `connecting to example.com: Connection refused`.
inline std::string describe(const exchange& x, std::string_view host) {
    std::string text = x.phase;
    text.append(" ").append(host).append(": ").append(x.error.message());
    if (!x.detail.empty()) text.append(" (").append(x.detail).append(")");
    return text;
}

/// Sends requests to a service and receives the responses. Safe to share between threads.
class transport {
public:
    virtual ~transport() = default;

    /// Completes `x` by its deadline. Reports failures in `x.error`: errc::timed_out, errc::overloaded,
    /// errc::bad_response, errc::closed, an error of the network, or `asio::error::operation_aborted` when
    /// the awaiting coroutine was cancelled.
    virtual asio::awaitable<void> run(exchange& x) = 0;

    /// Aborts all exchanges, in flight and future ones, with errc::closed, and closes the idle connections.
    /// Any thread may call it.
    virtual void close() = 0;
};

} // namespace azkv::net
