// An HTTP server for tests, with or without TLS.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace azkv::test {

/// A request as the server received it. Names of headers are in lower case.
class http_request {
public:
    std::string method;
    std::string target;
    std::map<std::string, std::string> headers;
    std::string body;
    std::size_t connection = 0; // the connection it arrived over, counted from 1
};

class http_reply {
public:
    http_reply() {}

    http_reply(unsigned status, std::string body = {}) : status(status), body(std::move(body)) {}

    unsigned status = 204;
    std::vector<std::pair<std::string, std::string>> headers;
    std::string body;
    std::chrono::milliseconds delay{0};
    bool drop = false;      // close the connection instead of answering
    bool reset = false;     // reset it instead of answering
    bool close = false;     // close it after the response, without announcing it
    std::string raw;        // send exactly this instead
    std::string afterwards; // then this, unsolicited, a moment later
    std::string behind;     // then this, unsolicited, in the same packet, and with TLS in a record of its own
    bool notify = false;    // with TLS, then announce the end of data, without closing
};

/// A certificate and its key, in PEM.
class certificate {
public:
    std::string chain;
    std::string key;
};

/// The TLS settings of a server. Versions are as OpenSSL numbers them; 0 is any.
class server_tls {
public:
    explicit server_tls(certificate identity) : identity(std::move(identity)) {}

    /// One version only.
    server_tls(certificate identity, int version)
        : identity(std::move(identity)), oldest(version), newest(version) {}

    certificate identity;
    int oldest = 0;
    int newest = 0;
    std::string client_authority; // in PEM: clients must have a certificate from it; empty: they need none
    bool anonymous = false;       // use a cipher without a certificate
};

/// A real HTTP server on a loopback port, with a thread of its own, on which it calls the handler.
class http_server {
public:
    using handler = std::function<http_reply(const http_request&)>;

    explicit http_server(handler h, unsigned short port = 0); // 0: any free port
    http_server(handler h, const certificate& identity);      // over TLS
    http_server(handler h, const server_tls& tls, unsigned short port = 0);
    ~http_server();

    unsigned short port() const;

    std::string authority() const { return "127.0.0.1:" + std::to_string(port()); }

    std::string endpoint() const { return "http://" + authority() + "/acct"; }

    std::size_t requests() const;
    std::size_t connections() const; // ever accepted
    std::size_t open_connections() const;
    std::size_t most_open() const;  // at the same time, as the system counted them at each accept
    std::size_t strays() const;     // how often `afterwards` was sent
    std::size_t handshakes() const; // successful TLS handshakes
    std::size_t resumed() const;    // those that resumed a session

private:
    class implementation;
    std::unique_ptr<implementation> impl_;
};

/// Returns the row key, if it is a plain one, of the entity that a request is for.
std::string row_key(const http_request& r);

/// Returns the body of an error in the service's JSON form.
std::string error_body(std::string_view code, std::string_view message = "said the server");

} // namespace azkv::test
