#include "net/http_transport.hpp"
#include "net/proxy_access.hpp"
#include "net/tls.hpp"
#include "support/certificates.hpp"
#include "support/connect_proxy.hpp"
#include "support/fixtures.hpp"
#include "support/http_server.hpp"
#include "support/raw_server.hpp"
#include "support/run.hpp"
#include "support/temporary_directory.hpp"
#include "support/test_secrets.hpp"

#include <azkv.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/verify_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <doctest/doctest.h>
#include <openssl/ssl.h>

#include <atomic>
#include <cctype>
#include <fstream>
#include <optional>
#include <thread>
#include <vector>

using namespace azkv;
using namespace azkv::test;
using namespace std::chrono_literals;

namespace {

const credential key = test_credential();

std::string address(const http_server& server, const std::string& host) {
    return "https://" + host + ':' + std::to_string(server.port()) + "/acct";
}

store_options trusting(const std::string& ca) {
    return store_options().tls(tls_options().ca_file(ca)).max_attempts(1);
}

} // namespace

TEST_CASE("HTTPS to a trusted server over one connection") {
    const certificate c = self_signed("localhost");
    const temporary_file ca(c.chain);
    http_server server(ok_entity, c);
    asio::io_context context;
    store db(context.get_executor(), address(server, "localhost"), key, trusting(ca.path()));
    for (int i = 0; i < 10; ++i) {
        const auto v = run(context, db.get("k"));
        REQUIRE(v);
        CHECK(v->at("i") == 1);
    }
    CHECK(server.connections() == 1);
    CHECK(context.stopped());
}

TEST_CASE("HTTPS to an address in the certificate") {
    const certificate c = self_signed("127.0.0.1");
    const temporary_file ca(c.chain);
    http_server server(ok_entity, c);
    asio::io_context context;
    store db(context.get_executor(), address(server, "127.0.0.1"), key, trusting(ca.path()));
    CHECK(run(context, db.get("k")));
}

TEST_CASE("a server with an untrusted certificate receives no request") {
    const certificate_authority ca;
    const certificate_authority stranger;
    const certificate_authority namesake("another authority");
    const temporary_file ca_file(ca.pem());
    asio::io_context context;
    // Returns why a server with this certificate is refused as `localhost`.
    const auto refused = [&](const certificate& c, const std::string& host = "localhost") {
        http_server server(ok_entity, c);
        store db(context.get_executor(), address(server, host), key,
                 trusting(ca_file.path()).max_attempts(3));
        const error e = failure_of([&] { run(context, db.get("k")); });
        CHECK(contains(e.what(), "TLS handshake with " + host));
        CHECK(e.code() != condition::transient);
        CHECK(server.connections() == 1); // and the store does not retry
        CHECK(server.requests() == 0);
        return std::string(e.what());
    };
    CHECK(contains(refused(self_signed("localhost")), "self-signed certificate"));
    CHECK(contains(refused(stranger.issue({"DNS:localhost"})), "certificate signature failure"));
    CHECK(
        contains(refused(namesake.issue({"DNS:localhost"})), "no trusted certificate authority has issued"));

    certificate_text text({"DNS:localhost"});
    text.from = -2h;
    text.until = -1h;
    CHECK(contains(refused(ca.issue(text)), "certificate has expired"));
    text.from = 1h;
    text.until = 2h;
    CHECK(contains(refused(ca.issue(text)), "certificate is not yet valid"));

    CHECK(contains(refused(ca.issue({"DNS:elsewhere.example"})),
                   "the certificate was issued for another host"));
    CHECK(contains(refused(ca.issue({"DNS:localhost"}), "127.0.0.1"),
                   "the certificate was issued for another host"));
    CHECK(contains(refused(ca.issue({"DNS:127.0.0.1"}), "127.0.0.1"), "IP address mismatch"));
    CHECK(contains(refused(ca.issue({"IP:127.0.0.2"}), "127.0.0.1"), "IP address mismatch"));
    certificate_text common;
    common.common_name = "localhost";
    CHECK(contains(refused(ca.issue(common)), "the common name is ignored"));
    common.names = {"email:localhost@localhost"};
    CHECK(contains(refused(ca.issue(common)), "the common name is ignored"));
    common.names = {"DNS:elsewhere.example"};
    CHECK(contains(refused(ca.issue(common)), "hostname mismatch"));
}

TEST_CASE("the default is to trust only what the system trusts") {
    http_server server(ok_entity, self_signed("localhost"));
    asio::io_context context;
    store db(context.get_executor(), address(server, "localhost"), key, store_options().max_attempts(1));
    CHECK(contains(failure_of([&] { run(context, db.get("k")); }).what(), "self-signed"));
}

TEST_CASE("wildcards match exactly one whole label") {
    const certificate_authority ca;
    const temporary_file ca_file(ca.pem());
    http_server server(ok_entity, ca.issue({"DNS:*.table.example", "DNS:a*.store.example"}));
    connect_proxy proxy; // which needs no name to be looked up
    asio::io_context context;
    const auto get = [&](const std::string& host) {
        store db(context.get_executor(), address(server, host), key,
                 trusting(ca_file.path()).proxy(azkv::proxy(proxy.url())));
        const auto found = run(context, db.get("k"));
        CHECK(found);
    };
    const auto refused = [&](const std::string& host) {
        return contains(failure_of([&] { get(host); }).what(), "hostname mismatch");
    };
    get("acct.table.example");
    get("other.table.example.");
    CHECK(refused("a.b.table.example"));
    CHECK(refused("table.example"));
    CHECK(refused("acct.store.example"));
}

TEST_CASE("trusted certificates from a file or a directory or both") {
    const certificate_authority ca;
    const certificate_authority other("other authority");
    const temporary_file ca_file(ca.pem());
    const temporary_directory directory;
    std::ofstream(directory.path() + '/' + other.hashed_name()) << other.pem();
    certificate_text rsa({"DNS:localhost", "IP:127.0.0.1"});
    rsa.rsa = true;
    http_server server(ok_entity, ca.issue(rsa));
    http_server second(ok_entity, other.issue({"DNS:localhost"}));
    const auto works = [&](const http_server& s, const tls_options& o,
                           const std::string& host = "localhost") {
        asio::io_context context;
        store db(context.get_executor(), address(s, host), key, store_options().tls(o).max_attempts(1));
        try {
            return run(context, db.get("k")).has_value();
        } catch (const error&) {
            return false;
        }
    };
    const tls_options file = tls_options().ca_file(ca_file.path());
    const tls_options in_directory = tls_options().ca_directory(directory.path());
    const tls_options both = tls_options().ca_file(ca_file.path()).ca_directory(directory.path());
    CHECK(works(server, file));
    CHECK(works(server, file, "127.0.0.1"));
    CHECK_FALSE(works(second, file));
    CHECK_FALSE(works(server, in_directory));
    CHECK(works(second, in_directory));
    CHECK(works(server, both));
    CHECK(works(second, both));
    CHECK_FALSE(works(server, tls_options()));
}

TEST_CASE("TLS versions") {
    const certificate_authority ca;
    const temporary_file ca_file(ca.pem());
    const certificate c = ca.issue({"DNS:localhost"});
    asio::io_context context;
    const auto get = [&](int version, tls_version minimum) {
        http_server server(ok_entity, server_tls(c, version));
        const tls_options o = tls_options().ca_file(ca_file.path()).minimum_version(minimum);
        store db(context.get_executor(), address(server, "localhost"), key,
                 store_options().tls(o).max_attempts(1));
        const auto found = run(context, db.get("k"));
        CHECK(found);
    };
    const auto refused = [&](int version, tls_version minimum) {
        const error e = failure_of([&] { get(version, minimum); });
        CHECK(e.code() != condition::transient);
        return contains(e.what(), "the peer supports only older versions of TLS than minimum_version");
    };
    get(TLS1_2_VERSION, tls_version::v1_2);
    get(TLS1_3_VERSION, tls_version::v1_2);
    get(TLS1_3_VERSION, tls_version::v1_3);
    CHECK(refused(TLS1_2_VERSION, tls_version::v1_3));
    CHECK(refused(TLS1_1_VERSION, tls_version::v1_2));
}

TEST_CASE("servers that share no cipher or version") {
    asio::io_context context;
    const auto failure = [&](const raw_server& server, int attempts) {
        store db(context.get_executor(), "https://localhost:" + std::to_string(server.port()) + "/acct", key,
                 store_options().max_attempts(attempts).backoff(1ms, 1ms));
        return failure_of([&] { run(context, db.get("k")); });
    };
    raw_server plain("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    const error not_tls = failure(plain, 3);
    CHECK(contains(not_tls.what(), "the peer does not speak TLS"));
    CHECK(not_tls.code() != condition::transient);
    CHECK(plain.connections() == 1);

    raw_server closing("");
    const error closed = failure(closing, 3);
    CHECK(contains(closed.what(), "the peer closed the connection during the handshake"));
    CHECK(closed.code() == condition::transient);
    CHECK(closing.connections() == 3);
}

TEST_CASE("HTTPS on a plain HTTP port") {
    asio::io_context context;
    http_server secure(ok_entity, self_signed("localhost"));
    store other(context.get_executor(), "http://localhost:" + std::to_string(secure.port()) + "/acct", key,
                store_options().max_attempts(1));
    CHECK_THROWS_AS(run(context, other.get("k")), error);
    CHECK(secure.requests() == 0);
}

namespace {

/// A server that requires client certificates, and what it accepts.
class mutual {
public:
    explicit mutual(int version)
        : ca_file(ca.pem()), own(ca.issue({"DNS:client.example"})), chain(own.chain), plain_key(own.key),
          key_file(encrypted_key(own, secrets::key_passphrase)) {
        server_tls tls(ca.issue({"DNS:localhost"}), version);
        tls.client_authority = ca.pem();
        server.emplace(ok_entity, tls);
    }

    tls_options trusting() const { return tls_options().ca_file(ca_file.path()); }

    bool works(const tls_options& o) {
        store db(context.get_executor(), address(*server, "localhost"), ::key,
                 store_options().tls(o).max_attempts(1));
        return run(context, db.get("k")).has_value();
    }

    error failure(const tls_options& o) {
        return failure_of([&] { works(o); });
    }

    certificate_authority ca;
    temporary_file ca_file;
    certificate own;
    temporary_file chain, plain_key, key_file;
    std::optional<http_server> server;
    asio::io_context context;
};

} // namespace

TEST_CASE("a server that requires a client certificate") {
    for (int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        CAPTURE(version);
        mutual m(version);
        CHECK(m.works(m.trusting().client_certificate(m.chain.path(), m.plain_key.path())));
        CHECK(m.works(
            m.trusting().client_certificate(m.chain.path(), m.key_file.path(), secrets::key_passphrase)));
        const temporary_file one_file(m.own.key + m.own.chain);
        CHECK(m.works(m.trusting().client_certificate(one_file.path(), one_file.path())));

        const error none = m.failure(m.trusting());
        CHECK(contains(none.what(), "the peer requires a client certificate"));
        CHECK(none.code() != condition::transient);

        const certificate_authority stranger("stranger");
        const certificate unknown = stranger.issue({"DNS:client.example"});
        const temporary_file chain(unknown.chain), key_file(unknown.key);
        const error refused = m.failure(m.trusting().client_certificate(chain.path(), key_file.path()));
        CHECK(contains(refused.what(), "the peer rejected the client certificate"));
        CHECK(refused.code() != condition::transient);
        CHECK(m.server->requests() == 3);
    }
}

TEST_CASE("why a request was cut short if the server requires a client certificate") {
    mutual m(TLS1_3_VERSION); // in which the client continues to send before it is refused
    store db(m.context.get_executor(), address(*m.server, "localhost"), key,
             store_options().tls(m.trusting()).max_attempts(1));
    std::vector<std::pair<std::string, value>> pairs;
    for (int i = 0; i < 35; ++i) {
        value v;
        for (int n = 0; n < 4; ++n) v["m" + std::to_string(n)] = std::string(25'000, 'y');
        pairs.emplace_back("k" + std::to_string(i), std::move(v));
    }
    const error e = failure_of([&] { run(m.context, db.put_all(pairs)); });
    CHECK(contains(e.what(), "the peer requires a client certificate"));
}

TEST_CASE("an unreadable file is reported by name when the store is constructed") {
    const certificate_authority ca;
    const certificate c = ca.issue({"DNS:client.example"});
    const temporary_file chain(c.chain), plain(c.key), empty(""), other(ca.issue({"DNS:x.example"}).key);
    const temporary_file encrypted(encrypted_key(c, secrets::key_passphrase));
    const auto failure = [](const tls_options& o) {
        // Even without TLS.
        const error e =
            failure_of([&] { blocking_store("http://127.0.0.1:1/a", key, store_options().tls(o)); });
        CHECK(e.code() == errc::invalid_argument);
        const std::string text = e.what();
        const bool told =
            contains(text, secrets::key_passphrase) || contains(text, secrets::other_proxy_password);
        REQUIRE_FALSE(told);
        return text;
    };
    const auto names = [](const std::string& text, const std::string& option, const std::string& path) {
        return contains(text, option) && contains(text, path);
    };
    const std::string nowhere = "/no-such-directory/file";
    CHECK(names(failure(tls_options().ca_file(nowhere)), "ca_file", nowhere));
    CHECK(names(failure(tls_options().ca_file(empty.path())), "ca_file", empty.path()));
    CHECK(names(failure(tls_options().ca_directory(nowhere)), "ca_directory", nowhere));
    CHECK(names(failure(tls_options().ca_directory(empty.path())), "ca_directory", empty.path()));
    const auto client = [&](const std::string& chain_file, const std::string& key_file,
                            secret passphrase = {}) {
        return failure(tls_options().client_certificate(chain_file, key_file, std::move(passphrase)));
    };
    CHECK(names(client(nowhere, plain.path()), "client_certificate", nowhere));
    CHECK(names(client(chain.path(), nowhere), "client_certificate", nowhere));
    CHECK(names(client(chain.path(), empty.path()), "client_certificate", empty.path()));
    CHECK(names(client(chain.path(), ""), "client_certificate", "key"));
    CHECK(names(client("", plain.path()), "client_certificate", "certificate from"));
    CHECK(names(client(chain.path(), other.path()), "does not match the certificate", other.path()));
    CHECK(
        names(client(chain.path(), encrypted.path()), "is encrypted; pass its passphrase", encrypted.path()));
    CHECK(names(client(chain.path(), encrypted.path(), secrets::other_proxy_password), "with the passphrase",
                encrypted.path()));
}

TEST_CASE("the hook is called once and cannot disable verification") {
    const certificate_authority ca;
    const temporary_file ca_file(ca.pem());
    http_server server(ok_entity, ca.issue({"DNS:localhost"}));
    http_server impostor(ok_entity, self_signed("localhost"));
    http_server elsewhere(ok_entity, ca.issue({"DNS:elsewhere.example"}));
    certificate_text over({"DNS:localhost"});
    over.from = -2h;
    over.until = -1h;
    http_server expired(ok_entity, ca.issue(over));
    server_tls without(certificate{});
    without.anonymous = true;
    without.newest = TLS1_2_VERSION;
    http_server anonymous(ok_entity, without);
    http_server old(ok_entity, server_tls(ca.issue({"DNS:localhost"}), TLS1_1_VERSION));
    int calls = 0;
    const tls_options o = tls_options().ca_file(ca_file.path()).configure([&](asio::ssl::context& context) {
        ++calls;
        SSL_CTX* const c = context.native_handle();
        context.set_verify_mode(asio::ssl::verify_none);
        context.set_verify_callback([](bool, asio::ssl::verify_context&) { return true; });
        SSL_CTX_set_cert_verify_callback(
            c, [](X509_STORE_CTX*, void*) { return 1; }, nullptr);
        X509_STORE_set_verify(SSL_CTX_get_cert_store(c), [](X509_STORE_CTX*) { return 1; });
        SSL_CTX_set_min_proto_version(c, TLS1_VERSION);
        SSL_CTX_set_cipher_list(c, "ALL:aNULL:@SECLEVEL=0");
    });
    asio::io_context context;
    const auto get = [&](const http_server& s) {
        store db(context.get_executor(), address(s, "localhost"), key,
                 store_options().tls(o).max_attempts(1).idle_timeout(0ms));
        for (int i = 0; i < 3; ++i) {
            const auto found = run(context, db.get("k"));
            CHECK(found);
        }
    };
    get(server);
    CHECK(calls == 1);
    const auto refusal = [&](const http_server& s) {
        const std::string text = failure_of([&] { get(s); }).what();
        CHECK(s.requests() == 0);
        return text;
    };
    CHECK(contains(refusal(impostor), "self-signed"));
    CHECK(contains(refusal(elsewhere), "hostname mismatch"));
    CHECK(contains(refusal(expired), "certificate has expired"));
    CHECK(contains(refusal(anonymous), "the peer presented no certificate"));
    CHECK(contains(refusal(old), "only older versions of TLS"));
}

TEST_CASE("the hook may require more than the options do") {
    const certificate_authority ca;
    const temporary_file ca_file(ca.pem());
    http_server server(ok_entity, server_tls(ca.issue({"DNS:localhost"}), TLS1_2_VERSION));
    const tls_options o = tls_options().ca_file(ca_file.path()).configure([](asio::ssl::context& c) {
        SSL_CTX_set_min_proto_version(c.native_handle(), TLS1_3_VERSION);
    });
    asio::io_context context;
    store db(context.get_executor(), address(server, "localhost"), key,
             store_options().tls(o).max_attempts(1));
    CHECK(contains(failure_of([&] { run(context, db.get("k")); }).what(), "only older versions of TLS"));
}

namespace {

/// Exchanges with servers whose certificates are verified in one way or another.
class caller {
public:
    explicit caller(const tls_options& o, const azkv::proxy& proxy = {}) {
        net::connector::settings s;
        s.tls = std::make_shared<net::tls_client>(o);
        s.proxy = net::proxy_access::settings(proxy);
        s.idle_timeout = 0ms;
        transport_.emplace(context_.get_executor(), net::pool::limits(4), s);
    }

    /// Returns the reason of a failure; empty if there was none.
    std::string get(const http_server& server, const std::string& host, const std::string& thumbprint = {}) {
        protocol::authority to;
        to.tls = true;
        to.host = host;
        to.port = std::to_string(server.port());
        to.thumbprint = thumbprint;
        protocol::response response;
        net::exchange x(response);
        x.to = &to;
        x.head = "GET /k HTTP/1.1\r\nHost: h\r\n\r\n";
        x.deadline = std::chrono::steady_clock::now() + 10s;
        run(context_, transport_->run(x));
        if (!x.error) CHECK(x.response.status == 200);
        return x.error ? net::describe(x, host) : std::string();
    }

private:
    asio::io_context context_;
    std::optional<net::http_transport> transport_;
};

} // namespace

TEST_CASE("a thumbprint alone decides") {
    // Signed by no authority, for another host, and expired.
    const certificate_authority stranger;
    certificate_text text({"DNS:elsewhere.example"});
    text.from = -2h;
    text.until = -1h;
    const certificate c = stranger.issue(text);
    http_server server(ok_entity, c);
    caller client{tls_options()};
    std::string print = thumbprint(c);
    CHECK(client.get(server, "localhost", print).empty());
    std::string plain;
    for (char ch : print)
        if (ch != ':') plain.push_back(static_cast<char>(std::tolower(static_cast<unsigned char>(ch))));
    CHECK(client.get(server, "localhost", plain).empty());
    print[0] = print[0] == 'A' ? 'B' : 'A';
    CHECK(contains(client.get(server, "localhost", print), "thumbprint does not match"));
    CHECK(contains(client.get(server, "localhost", plain.substr(2)), "thumbprint does not match"));
    CHECK(contains(client.get(server, "localhost", "x"), "thumbprint does not match"));
    CHECK(contains(client.get(server, "localhost"), "certificate"));
    CHECK(server.requests() == 2);

    // A trusted authority does not help.
    const certificate_authority ca;
    const temporary_file ca_file(ca.pem());
    http_server other(ok_entity, ca.issue({"DNS:localhost"}));
    caller trusting_client(tls_options().ca_file(ca_file.path()));
    CHECK(trusting_client.get(other, "localhost").empty());
    CHECK(contains(trusting_client.get(other, "localhost", plain), "thumbprint"));
}

TEST_CASE("a new connection resumes the session of an earlier one") {
    const certificate_authority ca;
    const temporary_file ca_file(ca.pem());
    for (int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        CAPTURE(version);
        http_server server(ok_entity, server_tls(ca.issue({"DNS:localhost"}), version));
        const store_options each_its_own = trusting(ca_file.path()).idle_timeout(0ms);
        asio::io_context context;
        store db(context.get_executor(), address(server, "localhost"), key, each_its_own);
        for (int i = 0; i < 6; ++i) CHECK(run(context, db.get("k")));
        CHECK(server.handshakes() == 6);
        CHECK(server.resumed() == 5);

        // Another store has its own sessions; the threads of one store share them.
        blocking_store blocking(address(server, "localhost"), key, each_its_own);
        CHECK(blocking.get("k"));
        CHECK(server.resumed() == 5);
        std::vector<std::thread> threads;
        for (int t = 0; t < 2; ++t)
            threads.emplace_back([&] {
                for (int i = 0; i < 5; ++i) static_cast<void>(blocking.get("k"));
            });
        for (std::thread& t : threads) t.join();
        CHECK(server.handshakes() == 17);
        CHECK(server.resumed() == 15);
    }
}

TEST_CASE("a session is resumed with a client certificate too") {
    for (int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        mutual m(version);
        store db(m.context.get_executor(), address(*m.server, "localhost"), key,
                 store_options()
                     .tls(m.trusting().client_certificate(m.chain.path(), m.plain_key.path()))
                     .idle_timeout(0ms)
                     .max_attempts(1));
        for (int i = 0; i < 4; ++i) CHECK(run(m.context, db.get("k")));
        CHECK(m.server->resumed() == 3);
    }
}

TEST_CASE("sessions are offered only to the same host with the same verification") {
    const certificate_authority ca;
    const temporary_file ca_file(ca.pem());
    for (int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        const certificate c = ca.issue({"DNS:a.example", "DNS:b.example"});
        http_server server(ok_entity, server_tls(c, version));
        connect_proxy proxy;
        caller client(tls_options().ca_file(ca_file.path()), azkv::proxy(proxy.url()));
        CHECK(client.get(server, "a.example").empty());
        CHECK(client.get(server, "b.example").empty());
        CHECK(client.get(server, "a.example", thumbprint(c)).empty());
        CHECK(server.resumed() == 0);
        CHECK(client.get(server, "a.example").empty());
        CHECK(client.get(server, "b.example").empty());
        CHECK(client.get(server, "a.example", thumbprint(c)).empty());
        CHECK(server.resumed() == 3);
    }
}

TEST_CASE("a server that has lost its sessions must send its certificate again") {
    const certificate_authority ca;
    const temporary_file ca_file(ca.pem());
    const certificate c = ca.issue({"DNS:a.example"});
    connect_proxy proxy;
    for (int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        caller client(tls_options().ca_file(ca_file.path()), azkv::proxy(proxy.url()));
        unsigned short port = 0;
        {
            http_server before(ok_entity, server_tls(c, version));
            port = before.port();
            CHECK(client.get(before, "a.example").empty());
        }
        http_server after(ok_entity, server_tls(c, version), port);
        CHECK(client.get(after, "a.example").empty());
        CHECK(after.handshakes() == 1);
        CHECK(after.resumed() == 0);
        CHECK(client.get(after, "a.example").empty());
        CHECK(after.resumed() == 1);
    }
}

TEST_CASE("many threads resume sessions at once") {
    const certificate_authority ca;
    const temporary_file ca_file(ca.pem());
    for (int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        http_server server(ok_entity, server_tls(ca.issue({"DNS:localhost"}), version));
        std::atomic<int> done{0};
        {
            asio::thread_pool threads(4);
            store db(threads.get_executor(), address(server, "localhost"), key,
                     trusting(ca_file.path()).idle_timeout(0ms).max_connections(8));
            for (int i = 0; i < 40; ++i)
                asio::co_spawn(threads, db.get("k"), [&](std::exception_ptr e, auto) { done += !e; });
            threads.join();
        }
        CHECK(done == 40);
        CHECK(server.handshakes() == 40);
        CHECK(server.resumed() > 0);
    }
}

TEST_CASE("a TLS connection that the peer has closed is replaced quietly") {
    const certificate c = self_signed("localhost");
    const temporary_file ca(c.chain);
    http_server server(
        [](const http_request& r) {
            http_reply reply = ok_entity(r);
            reply.close = true;
            return reply;
        },
        c);
    asio::io_context context;
    store db(context.get_executor(), address(server, "localhost"), key, trusting(ca.path()));
    for (int i = 0; i < 5; ++i) CHECK(run(context, db.get("k")));
    CHECK(server.connections() == 5);
    CHECK(server.requests() == 5);
}

TEST_CASE("the time for the handshake is limited") {
    asio::io_context context;
    asio::ip::tcp::acceptor silent(context, asio::ip::tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    store db(context.get_executor(),
             "https://127.0.0.1:" + std::to_string(silent.local_endpoint().port()) + "/a", key,
             store_options().connect_timeout(200ms).max_attempts(1));
    const error e = failure_of([&] { run(context, db.get("k")); });
    CHECK(e.code() == condition::timed_out);
    CHECK(contains(e.what(), "TLS handshake with"));
}
