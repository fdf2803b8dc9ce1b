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

/// Beast's HTTP parser, keeping only those headers that somebody reads.
class response_parser final : public boost::beast::http::basic_parser<false> {
public:
    /// `line_limit`: of the line before a chunk, and of all trailers. `id`: of the request, for services that
    /// repeat it; empty if there is none.
    response_parser(protocol::response& into, std::size_t line_limit, std::string_view id)
        : response_(into), line_limit_(line_limit), id_(id) {
        response_ = {};
    }

    /// `put`, for what follows the head.
    std::size_t read_body(std::string_view text, boost::system::error_code& ec) {
        line_ = text.data();
        const std::size_t n = put(boost::asio::buffer(text), ec);
        if (!ec && is_done() && chunked()) check_line(text.data() + n, ec);
        return n;
    }

    /// Why it was this class that refused the answer; else null.
    const char* refusal() const { return refusal_; }

    /// Whether another answer may follow over the same connection. What has no body must announce none: the
    /// two sides would not agree on where the next answer begins.
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
        if (status < 100 || status > 599) refuse("no status of HTTP", http_error::bad_status, ec);
    }

    void on_field_impl(field f, string_view name, string_view text, error_code& ec) override {
        if (in_body_) return; // a trailer, in older versions of Boost
        const std::string_view value(text.data(), text.size());
        switch (f) {
        case field::keep_alive: read_keep_alive(value); break;
        case field::content_encoding: encoded_ = encoded_ || !boost::beast::iequals(text, "identity"); break;
        case field::transfer_encoding:
            if (version_ < 11 || !boost::beast::iequals(text, "chunked"))
                refuse("a Transfer-Encoding that nobody asked for", http_error::bad_transfer_encoding, ec);
            break;
        case field::date:
        case field::etag:
        case field::retry_after:
        case field::www_authenticate: response_.keep_header({name.data(), name.size()}, value); break;
        case field::unknown: // to Beast
            // As Table Storage does, not Cosmos DB.
            // https://learn.microsoft.com/rest/api/storageservices/common-rest-api-operation-response-headers
            if (!boost::beast::iequals(name, "x-ms-client-request-id"))
                response_.keep_header({name.data(), name.size()}, value);
            else if (!id_.empty() && value != id_)
                refuse("it answers another request", http_error::bad_value, ec);
            break;
        default: break; // nobody reads the others
        }
    }

    // Virtual since Boost 1.88; trailers are of no interest.
    void on_trailer_field_impl(field, string_view, string_view, error_code&) {}

    void on_header_impl(error_code&) override { in_body_ = true; }

    void on_body_init_impl(const boost::optional<std::uint64_t>& length, error_code& ec) override {
        // A failure is one by its status, whatever a gateway did to its text.
        if (encoded_ && response_.status < 400)
            return refuse("a Content-Encoding that nobody asked for", http_error::bad_value, ec);
        // The length is the peer's claim: trust it for a page, not for more.
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
    const char* line_ = nullptr; // where it began, of what was put last
    const char* refusal_ = nullptr;
    std::optional<std::chrono::seconds> keep_alive_timeout_;
    int version_ = 0;
    bool encoded_ = false;
    bool in_body_ = false;
};

} // namespace azkv::net
