#pragma once

#include "protocol/message.hpp"

#include <boost/beast/http/basic_parser.hpp>

#include <charconv>
#include <chrono>
#include <optional>

namespace azkv::net {

/// Beast's HTTP parser, keeping only those headers that somebody reads.
class response_parser final : public boost::beast::http::basic_parser<false> {
public:
    explicit response_parser(protocol::response& into) : response_(into) { response_ = {}; }

    /// `Keep-Alive: timeout=N`
    std::optional<std::chrono::seconds> keep_alive_timeout() const { return keep_alive_timeout_; }

private:
    using field = boost::beast::http::field;
    using string_view = boost::beast::string_view;
    using error_code = boost::beast::error_code;

    void on_request_impl(boost::beast::http::verb, string_view, string_view, int, error_code&) override {}

    void on_response_impl(int status, string_view, int, error_code&) override {
        response_.status = static_cast<unsigned>(status);
    }

    void on_field_impl(field f, string_view name, string_view text, error_code&) override {
        if (in_body_) return; // a trailer, in older versions of Boost
        const std::string_view value(text.data(), text.size());
        if (f == field::keep_alive)
            read_keep_alive(value);
        else
            response_.keep_header(std::string_view(name.data(), name.size()), value);
    }

    // Virtual since Boost 1.88; trailers are of no interest.
    void on_trailer_field_impl(field, string_view, string_view, error_code&) {}

    void on_header_impl(error_code&) override { in_body_ = true; }

    void on_body_init_impl(const boost::optional<std::uint64_t>& length, error_code&) override {
        // The length is the peer's claim: trust it for a page, not for more.
        if (length)
            response_.body.reserve(static_cast<std::size_t>(std::min<std::uint64_t>(*length, 4 << 20)));
    }

    std::size_t on_body_impl(string_view part, error_code&) override {
        response_.body.append(part.data(), part.size());
        return part.size();
    }

    void on_chunk_header_impl(std::uint64_t, string_view, error_code&) override {}

    std::size_t on_chunk_body_impl(std::uint64_t, string_view part, error_code& ec) override {
        return on_body_impl(part, ec);
    }

    void on_finish_impl(error_code&) override {}

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
    std::optional<std::chrono::seconds> keep_alive_timeout_;
    bool in_body_ = false;
};

} // namespace azkv::net
