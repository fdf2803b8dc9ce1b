// All kinds of credentials, over TLS: against Azurite, started with tokens of Entra ID, and against azkv's
// emulator. One body serves both.

#include "integration/service.hpp"
#include "protocol/connection_string.hpp"
#include "support/base64.hpp"
#include "support/certificates.hpp"
#include "support/fixtures.hpp"
#include "support/run.hpp"
#include "support/test_secrets.hpp"

#include <azkv.hpp>
#include <azkv/emulator.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <atomic>
#include <future>
#include <memory>
#include <thread>

using namespace azkv;
using namespace azkv::test;
using namespace std::chrono_literals;
namespace json = boost::json;

namespace {

using wall_clock = std::chrono::system_clock;

const std::string storage_audience = "https://storage.azure.com";

std::int64_t seconds_of(wall_clock::time_point t) {
    return std::chrono::duration_cast<std::chrono::seconds>(t.time_since_epoch()).count();
}

/// A token in the form of Entra ID's, with an invalid signature.
secret make_token(const std::string& audience, wall_clock::duration lifetime = 1h) {
    const auto now = wall_clock::now();
    json::object claims;
    claims["aud"] = audience;
    claims["iss"] = "https://sts.windows.net/72f988bf-86f1-41af-91ab-2d7cd011db47/";
    claims["iat"] = claims["nbf"] = seconds_of(now - 2h);
    claims["exp"] = seconds_of(now + lifetime);
    return secret(support::encode_base64url(R"({"alg":"none","typ":"JWT"})") + '.'
                  + support::encode_base64url(json::serialize(claims)) + '.'
                  + support::encode_base64url(secrets::token));
}

// The claims that the emulator accepts.
bool is_good(std::string_view token) {
    const auto first = token.find('.');
    const auto claims =
        support::decode_base64_lenient(token.substr(first + 1, token.find('.', first + 1) - first - 1));
    if (!claims) return false;
    const json::object o = json::parse(*claims).as_object();
    return o.at("aud").as_string() == storage_audience
           && o.at("exp").as_int64() > seconds_of(wall_clock::now());
}

credential token_credential_of(secret token, wall_clock::duration lifetime = 1h) {
    return credential::token(
        static_token_credential(access_token(std::move(token), wall_clock::now() + lifetime)));
}

/// The service that the tests were started with, or an emulator in this process.
class secure_service {
public:
    secure_service() {
        if (const char* const text = std::getenv("AZKV_CONNECTION_STRING")) {
            settings = protocol::parse_connection_string(text);
            ca_file = std::getenv("AZKV_CA_FILE");
        } else {
            const certificate c = self_signed("127.0.0.1");
            file_ = std::make_unique<temporary_file>(c.chain);
            ca_file = file_->path();
            own = std::make_unique<emulator>(emulator_options().tls(c.chain, c.key).bearer(&is_good));
            settings = protocol::parse_connection_string(own->connection_string());
        }
    }

    /// On a busy machine, Azurite takes seconds for 64 TLS handshakes at once.
    store_options options() const {
        return store_options().tls(tls_options().ca_file(ca_file)).connect_timeout(60s);
    }

    blocking_store open(const credential& c) const { return blocking_store(settings.endpoint, c, options()); }

    credential key() const { return credential::shared_key(settings.account, settings.key); }

    credential account_signature(const char* permissions, wall_clock::duration lifetime = 1h) const {
        return credential::sas(account_sas(settings.account, settings.key,
                                           sas_terms(permissions, wall_clock::now() + lifetime)));
    }

    /// Returns how many requests arrived since the last call; nullopt if the service does not count them.
    std::optional<std::uint64_t> new_requests() {
        if (!own) return std::nullopt;
        const auto all = own->counters().requests;
        return all - std::exchange(counted_, all);
    }

    protocol::connection_settings settings;
    std::string ca_file;
    std::unique_ptr<emulator> own;

private:
    std::unique_ptr<temporary_file> file_;
    std::uint64_t counted_ = 0;
};

secure_service& service() {
    static secure_service s;
    return s;
}

void use_all_operations(const credential& c) {
    const std::string table = new_collection();
    blocking_store db = service().open(c);
    CHECK_FALSE(db.get("k", table));
    db.put("k", numbered(1), table); // creates the table
    std::vector<std::pair<std::string, value>> pairs;
    for (int i = 0; i < 250; ++i) pairs.emplace_back("n" + std::to_string(i), numbered(i));
    db.put_all(pairs, table);
    CHECK(db.get("k", table) == numbered(1));
    CHECK(db.get_all(table).size() == 251);
    int rows = 0;
    for (auto& row : db.query("i lt 100", table)) rows += row.value().at("i").as_int64() < 100;
    CHECK(rows == 101);
    CHECK(db.erase("k", table));
    CHECK_FALSE(db.erase("k", table));

    asio::io_context context;
    store async(context.get_executor(), service().settings.endpoint, c, service().options());
    run(context, async.put("k", numbered(2), table));
    const auto found = run(context, async.get("k", table));
    CHECK(found == numbered(2));
    auto all = async.query("", table);
    int count = 0;
    while (run(context, all.next())) ++count;
    CHECK(count == 251);
}

errc failure(const credential& c, const std::string& collection = default_collection) {
    blocking_store db = service().open(c);
    service().new_requests();
    const error e = failure_of([&] { return db.get("k", collection); });
    CHECK(e.code() == condition::unauthorized);
    CHECK(e.code() != condition::transient);
    CHECK_FALSE(secrets::shown_in(e.what()));
    CHECK(service().new_requests().value_or(1) == 1); // permanent errors are not retried
    return static_cast<errc>(e.code().value());
}

// Azurite answers with 403 where Azure, and azkv's emulator, answer with 401.
errc refused_token() {
    return on_azurite() ? errc::forbidden : errc::unauthorized;
}

} // namespace

TEST_CASE("all operations with each kind of credential") {
    SUBCASE("key") {
        use_all_operations(service().key());
    }
    SUBCASE("signature of the account") {
        use_all_operations(service().account_signature("rwdlacu"));
    }
    SUBCASE("token") {
        use_all_operations(token_credential_of(make_token(storage_audience)));
    }
}

TEST_CASE("a signature for one table") {
    const std::string table = new_collection();
    service().open(service().key()).put("k", numbered(1), table);
    const auto& s = service().settings;
    blocking_store db = service().open(
        credential::sas('?' + table_sas(s.account, s.key, table, sas_terms("raud", wall_clock::now() + 1h))));
    db.put("l", numbered(2), table);
    CHECK(db.get("l", table) == numbered(2));
    CHECK(db.get_all(table).size() == 2);
    CHECK(db.erase("k", table));
    if (!on_azurite()) db.put_all({{"m", numbered(3)}}, table); // Azurite rejects it in batches
    CHECK(failure_of([&] { db.put("k", numbered(1), new_collection()); }).code() == errc::forbidden);
}

TEST_CASE("an invalid signature") {
    auto& s = service();
    CHECK(failure(s.account_signature("rwdlacu", -1h)) == errc::forbidden); // expired
    CHECK(failure(s.account_signature("w")) == errc::forbidden);            // without the permission
    const std::string another_key = "b3RoZXJrZXk=";
    CHECK(failure(credential::sas(
              account_sas(s.settings.account, another_key, sas_terms("r", wall_clock::now() + 1h))))
          == errc::forbidden);
    CHECK(failure(credential::sas(table_sas(s.settings.account, s.settings.key, "another",
                                            sas_terms("r", wall_clock::now() + 1h))))
          == errc::forbidden);
    CHECK(failure(credential::sas(
              account_sas(s.settings.account, s.settings.key,
                          sas_terms("r", wall_clock::now() + 2h).starts(wall_clock::now() + 1h))))
          == errc::forbidden);
}

TEST_CASE("an invalid key") {
    const credential other = credential::shared_key(service().settings.account, "b3RoZXJrZXk=");
    if (service().own) {
        CHECK(failure(other) == errc::forbidden);
    } else { // Azurite then expects a token, and reports that there is none: 400
        blocking_store db = service().open(other);
        CHECK(failure_of([&] { return db.get("k"); }).code() == errc::rejected);
    }
}

TEST_CASE("an invalid token") {
    CHECK(failure(token_credential_of(make_token(storage_audience, -1h))) == refused_token());
    CHECK(failure(token_credential_of(make_token("https://vault.azure.net"))) == refused_token());
    CHECK(failure(token_credential_of(secret(secrets::access_token))) == refused_token());
}

TEST_CASE("a token without the permission") {
    if (!service().own) return; // Azurite has no permissions for tokens
    service().own->faults(fault_plan().then(fault::answer(403, "AuthorizationPermissionMismatch")));
    CHECK(failure(token_credential_of(make_token(storage_audience))) == errc::forbidden);
    service().own->faults();
}

TEST_CASE("the certificate of the service is also checked with tokens") {
    blocking_store untrusting(service().settings.endpoint, token_credential_of(make_token(storage_audience)),
                              store_options().max_attempts(1));
    const error e = failure_of([&] { return untrusting.get("k"); });
    CHECK(contains(e.what(), "TLS handshake with"));
    CHECK(contains(e.what(), "self-signed"));
}

namespace {

/// Returns tokens, after a while.
class slow_source final : public token_credential {
public:
    asio::awaitable<access_token> token(token_request) override {
        ++asked;
        asio::steady_timer timer(co_await asio::this_coro::executor, 20ms);
        co_await timer.async_wait(asio::use_awaitable);
        co_return access_token(make_token(storage_audience), wall_clock::now() + lifetime.load());
    }

    std::atomic<int> asked{0};
    std::atomic<std::chrono::seconds> lifetime{3600s};
};

} // namespace

TEST_CASE("a thousand operations on four threads renew an expired token with one request") {
    const auto source = std::make_shared<slow_source>();
    source->lifetime = 0s; // it has expired when the thousand begin
    asio::thread_pool threads(4);
    store db(threads.get_executor(), service().settings.endpoint, credential::token(source),
             service().options());
    const std::string table = new_collection();
    std::promise<void> first;
    asio::co_spawn(threads, db.put("k", numbered(1), table), [&](std::exception_ptr e, etag) {
        if (e)
            first.set_exception(e);
        else
            first.set_value();
    });
    first.get_future().get();
    const int before = source->asked;
    source->lifetime = 3600s;

    std::atomic<int> right{0};
    std::atomic<int> failed{0};
    for (int i = 0; i < 1000; ++i)
        asio::co_spawn(threads, db.get("k", table), [&](std::exception_ptr e, std::optional<value> v) {
            if (e) ++failed;
            if (v == numbered(1)) ++right;
        });
    threads.join();
    CHECK(failed == 0);
    CHECK(right == 1000);
    CHECK(source->asked == before + 1);
}

TEST_CASE("a hundred blocking calls on eight threads share their tokens") {
    const auto source = std::make_shared<slow_source>();
    blocking_store db = service().open(credential::token(source));
    const std::string table = new_collection();
    std::atomic<int> right{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 8; ++t)
        threads.emplace_back([&] {
            for (int i = 0; i < 12; ++i) right += !db.get("k", table).has_value();
        });
    for (std::thread& t : threads) t.join();
    CHECK(right == 8 * 12);
    CHECK(source->asked == 1);
}
