// Beast's HTTP parser, with the checks and the memory of this library.
#pragma once

#include "protocol/message.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <optional>
#include <string_view>

namespace azkv::net {

/// Parses a response, and keeps only those headers that the library reads.
class response_parser final : public boost::beast::http::basic_parser<false> {
public:
    /// `line_limit` applies to the line before a chunk and to all trailers together. `id` is the client
    /// request id, which some services repeat; empty if there is none.
    response_parser(protocol::response& into, std::size_t line_limit, std::string_view id)
        : response_(into), line_limit_(line_limit), id_(id) {
        const bool is_dated = response_.is_dated; // asked for by the caller
        response_ = {};
        response_.is_dated = is_dated;
    }

    /// Parses what follows the head.
    std::size_t read_body(std::string_view text, boost::system::error_code& ec) {
        line_ = text.data();
        const std::size_t n = put(boost::asio::buffer(text), ec);
        if (!ec && is_done() && chunked()) check_line(text.data() + n, ec);
        return n;
    }

    /// Returns why this class, not Beast, rejected the response; otherwise null.
    const char* refusal() const { return refusal_; }

    /// Returns whether another response may follow on the same connection. Not after a bodiless response that
    /// announces a body: the two sides would not agree on where the next response begins.
    bool may_be_followed() const {
        const bool no_body = response_.status == 204 || response_.status == 304;
        return keep_alive() && !(no_body && (chunked() || content_length().value_or(0) > 0));
    }

    /// `Keep-Alive: timeout=N`
    std::optional<std::chrono::seconds> keep_alive_timeout() const { return keep_alive_timeout_; }

private:
    using field = boost::beast::http::field;
    using http_error = boost::beast::http::error;
    using string_view = boost::beast::string_view;
    using error_code = boost::beast::error_code;

    void refuse(const char* why, http_error e, error_code& ec) {
        refusal_ = why;
        ec = e;
    }

    void on_request_impl(boost::beast::http::verb, string_view, string_view, int, error_code&) override {}

    void on_response_impl(int status, string_view, int version, error_code& ec) override {
        response_.status = static_cast<unsigned>(status);
        version_ = version;
        if (status < 100 || status > 599) refuse("invalid HTTP status", http_error::bad_status, ec);
    }

    void on_field_impl(field f, string_view name, string_view text, error_code& ec) override {
        if (in_body_) return; // a trailer, in older versions of Boost
        const std::string_view value(text.data(), text.size());
        switch (f) {
        case field::keep_alive: read_keep_alive(value); break;
        case field::content_encoding: encoded_ = encoded_ || !boost::beast::iequals(text, "identity"); break;
        case field::transfer_encoding:
            if (version_ < 11 || !boost::beast::iequals(text, "chunked"))
                refuse("unexpected Transfer-Encoding", http_error::bad_transfer_encoding, ec);
            break;
        case field::date:
        case field::etag:
        case field::retry_after:
        case field::www_authenticate: response_.keep_header({name.data(), name.size()}, value); break;
        case field::unknown: // those that Beast does not know
            // Table Storage repeats it, Cosmos DB does not.
            // https://learn.microsoft.com/rest/api/storageservices/common-rest-api-operation-response-headers
            if (!boost::beast::iequals(name, "x-ms-client-request-id"))
                response_.keep_header({name.data(), name.size()}, value);
            else if (!id_.empty() && value != id_)
                refuse("response to a different request", http_error::bad_value, ec);
            break;
        default: break;
        }
    }

    // Virtual since Boost 1.88. Trailers are ignored.
    void on_trailer_field_impl(field, string_view, string_view, error_code&) {}

    void on_header_impl(error_code&) override { in_body_ = true; }

    void on_body_init_impl(const boost::optional<std::uint64_t>& length, error_code& ec) override {
        // An error is recognized by its status, even if a gateway has encoded its body.
        if (encoded_ && response_.status < 400)
            return refuse("unexpected Content-Encoding", http_error::bad_value, ec);
        // The peer may claim any length: reserve no more than a page takes.
        if (length)
            response_.body.reserve(static_cast<std::size_t>(std::min<std::uint64_t>(*length, 4 << 20)));
    }

    std::size_t on_body_impl(string_view part, error_code&) override {
        response_.body.append(part.data(), part.size());
        return part.size();
    }

    void on_chunk_header_impl(std::uint64_t, string_view extensions, error_code& ec) override {
        check_line(extensions.data() + extensions.size(), ec);
    }

    std::size_t on_chunk_body_impl(std::uint64_t, string_view part, error_code& ec) override {
        line_ = part.data() + part.size();
        return on_body_impl(part, ec);
    }

    void on_finish_impl(error_code&) override {}

    void check_line(const char* end, error_code& ec) {
        if (static_cast<std::size_t>(end - line_) > line_limit_) ec = http_error::bad_chunk_extension;
    }

    void read_keep_alive(std::string_view value) {
        constexpr std::string_view name = "timeout=";
        const auto at = value.find(name);
        if (at == value.npos) return;
        int seconds = 0;
        const auto digits = value.substr(at + name.size());
        if (std::from_chars(digits.data(), digits.data() + digits.size(), seconds).ec == std::errc{}
            && seconds >= 0)
            keep_alive_timeout_ = std::chrono::seconds(seconds);
    }

    protocol::response& response_;
    std::size_t line_limit_;
    std::string_view id_;
    const char* line_ = nullptr; // where the current line begins in the last input
    const char* refusal_ = nullptr;
    std::optional<std::chrono::seconds> keep_alive_timeout_;
    int version_ = 0;
    bool encoded_ = false;
    bool in_body_ = false;
};

} // namespace azkv::net
