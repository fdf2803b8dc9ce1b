// An authority over TLS that issues tokens, and a client of it.
#pragma once

#include "identity/sources/credential_environment.hpp"
#include "net/http_transport.hpp"
#include "net/tls.hpp"
#include "support/certificates.hpp"
#include "support/http_server.hpp"
#include "support/test_secrets.hpp"

#include <boost/url/parse_query.hpp>
#include <doctest/doctest.h>

#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace azkv::test {

/// HTTP over TLS that trusts the authorities in a file.
inline identity::credential_environment::transport_maker trusting_transport(const std::string& ca_file) {
    net::connector::settings s;
    s.tls = std::make_shared<net::tls_client>(tls_options().ca_file(ca_file));
    return [s](const net::asio::any_io_executor& executor) {
        return std::make_shared<net::http_transport>(executor, net::pool::limits(1), s);
    };
}

/// Returns the parameters of a form.
inline std::map<std::string, std::string> parse_form(const std::string& body) {
    std::map<std::string, std::string> form;
    const auto parsed = boost::urls::parse_query(body);
    REQUIRE(parsed.has_value());
    for (const auto& p : *parsed) form[p.key.decode()] = p.value.decode();
    return form;
}

/// A token in the form that authorities issue.
inline std::string token_body(const std::string& token = secrets::access_token) {
    return R"({"token_type":"Bearer","expires_in":3599,"ext_expires_in":3599,"access_token":")" + token
           + "\"}";
}

/// A real authority, over TLS, that sends the scripted replies: each once, and the last one
/// forever.
class identity_server {
public:
    void answer(http_reply reply) {
        const std::lock_guard lock(mutex_);
        replies_.push_back(std::move(reply));
    }

    std::string url() const { return "https://" + host(); }

    std::string host() const { return "localhost:" + std::to_string(server_.port()); }

    identity::credential_environment::transport_maker transport() const {
        return trusting_transport(ca_.path());
    }

    std::vector<http_request> requests() const {
        const std::lock_guard lock(mutex_);
        return requests_;
    }

private:
    http_reply next(const http_request& r) {
        const std::lock_guard lock(mutex_);
        requests_.push_back(r);
        if (replies_.empty()) return http_reply(500);
        http_reply reply = replies_.front();
        if (replies_.size() > 1) replies_.pop_front();
        return reply;
    }

    mutable std::mutex mutex_;
    std::deque<http_reply> replies_;
    std::vector<http_request> requests_;
    certificate certificate_ = self_signed("localhost");
    temporary_file ca_{certificate_.chain};
    http_server server_{[this](const http_request& r) { return next(r); }, certificate_};
};

} // namespace azkv::test
