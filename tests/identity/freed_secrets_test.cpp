// No block of memory is freed with a secret in it, wherever the secret came from.

#include "support/all_operations.hpp"

#include <azkv/blocking_store.hpp>
#include <azkv/identity.hpp>
#include <azkv/sas.hpp>

#include <boost/asio/awaitable.hpp>
#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <malloc.h>
#include <new>

namespace {

// The text to search for; null: none.
std::atomic<const char*> wanted{nullptr};
std::atomic<int> found{0};

void give_back(void* p) noexcept {
    if (const char* const text = wanted;
        text && p && memmem(p, malloc_usable_size(p), text, std::strlen(text)))
        ++found;
    std::free(p);
}

void* take(std::size_t n) {
    if (void* const p = std::malloc(n)) return p;
    throw std::bad_alloc();
}

} // namespace

void* operator new(std::size_t n) {
    return take(n);
}

void* operator new[](std::size_t n) {
    return take(n);
}

void operator delete(void* p) noexcept {
    give_back(p);
}

void operator delete[](void* p) noexcept {
    give_back(p);
}

void operator delete(void* p, std::size_t) noexcept {
    give_back(p);
}

void operator delete[](void* p, std::size_t) noexcept {
    give_back(p);
}

using namespace azkv;
using namespace std::chrono_literals;

namespace {

// Returns the number of blocks that `f` frees with `text` in them. `f` may throw.
int blocks_with(const char* text, const std::function<void()>& f) {
    found = 0;
    wanted = text;
    try {
        f();
    } catch (const std::exception&) {
    }
    wanted = nullptr;
    return found;
}

// Not in a heap block: what the tests themselves free counts, too.
constexpr char key[] = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldC1zZWNyZXQt";
constexpr char signature[] = "hush5hush5hush5hush5hush5hush5hush5hush5";
constexpr char sas[] = "sv=2019-02-02&sp=raud&sig=hush5hush5hush5hush5hush5hush5hush5hush5";
constexpr char password[] = "hush-password-hush-password";
constexpr char nowhere[] = "http://127.0.0.1:1/acct"; // no server listens there

store_options one_attempt() {
    return store_options().max_attempts(1).allow_plain_http(true);
}

void use(blocking_store db) {
    for (const test::operation_sample& o : test::all_operations()) {
        try {
            o.run(db);
        } catch (const std::exception&) {
        }
    }
}

/// Sets an environment variable until destruction.
class variable {
public:
    variable(const char* name, const char* text) : name_(name) { ::setenv(name, text, 1); }

    ~variable() { ::unsetenv(name_); }

    variable(const variable&) = delete;
    variable& operator=(const variable&) = delete;

private:
    const char* name_;
};

} // namespace

TEST_CASE("the search finds a secret that is not wiped") {
    const auto copy = [] { const std::string s(key); };
    CHECK(blocks_with(key, copy) == 1);
    CHECK(blocks_with(key, [] { const secret s(key); }) == 0);
}

TEST_CASE("connection strings") {
    constexpr char with_key[] =
        "AccountName=acct;AccountKey=c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldC1zZWNyZXQt;"
        "TableEndpoint=http://127.0.0.1:1/acct";
    constexpr char with_sas[] = "TableEndpoint=http://127.0.0.1:1/acct;SharedAccessSignature=sv=2019-02-02&"
                                "sp=raud&sig=hush5hush5hush5hush5hush5hush5hush5hush5";
    const auto open = [](const char* text) {
        return [text] { use(blocking_store::from_connection_string(text, one_attempt())); };
    };
    CHECK(blocks_with(key, open(with_key)) == 0);
    CHECK(blocks_with(signature, open(with_sas)) == 0);
    // Invalid ones, too, rejected early and late.
    constexpr const char* wrong[] = {
        "AccountKey=c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldC1zZWNyZXQt",
        "AccountName=a;AccountKey=c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldC1zZWNyZXQt=",
        "AccountName=a;AccountKey=c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldC1zZWNyZXQt;TableEndpoint=x",
        "AccountName=a;AccountKey=c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldC1zZWNyZXQt;AccountKey=1",
        "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldC1zZWNyZXQt==;x=1"};
    for (const char* text : wrong) CHECK(blocks_with(key, open(text)) == 0);
    CHECK(
        blocks_with(signature,
                    open("AccountName=a;SharedAccessSignature=si g=hush5hush5hush5hush5hush5hush5hush5hush5"))
        == 0);
    CHECK(blocks_with(signature,
                      open("AccountName=a;SharedAccessSignature=hush5hush5hush5hush5hush5hush5hush5hush5"))
          == 0);
}

TEST_CASE("credentials") {
    CHECK(blocks_with(
              key, [] { use(blocking_store(nowhere, credential::shared_key("acct", key), one_attempt())); })
          == 0);
    CHECK(blocks_with(key, [] { blocking_store::from_account_and_key("acct", key); }) == 0);
    CHECK(blocks_with(signature, [] { use(blocking_store(nowhere, credential::sas(sas), one_attempt())); })
          == 0);
    CHECK(blocks_with(signature, [] { credential::sas(signature); }) == 0);
    CHECK(blocks_with(signature, [] { use(blocking_store::from_sas_token(nowhere, sas, one_attempt())); })
          == 0);
    CHECK(blocks_with(password,
                      [] {
                          const auto source = [](token_request) -> boost::asio::awaitable<access_token> {
                              access_token t(secret(password), std::chrono::system_clock::now() + 1h);
                              co_return t;
                          };
                          use(blocking_store(nowhere, credential::token(callback_credential(source)),
                                             one_attempt()));
                      })
          == 0);
}

TEST_CASE("generated signatures") {
    const sas_terms terms("raud", std::chrono::system_clock::time_point(24h));
    CHECK(blocks_with(key, [&] { static_cast<void>(account_sas("acct", key, terms)); }) == 0);
    CHECK(blocks_with(key, [&] { static_cast<void>(table_sas("acct", key, "people", terms)); }) == 0);
    std::array<char, 200> made{};
    {
        const std::string query = account_sas("acct", key, terms);
        query.substr(query.find("sig=") + 4).copy(made.data(), made.size() - 1);
    }
    // The caller frees the returned one.
    CHECK(blocks_with(made.data(), [&] { static_cast<void>(account_sas("acct", key, terms)); }) == 1);
}

TEST_CASE("environment variables") {
    const variable tenant("AZURE_TENANT_ID", "tenant");
    const variable client("AZURE_CLIENT_ID", "client");
    {
        const variable v("AZURE_CLIENT_SECRET", password);
        CHECK(blocks_with(password, [] { environment_credential(); }) == 0);
        CHECK(blocks_with(password, [] { default_credential(); }) == 0);
    }
    {
        const variable file("AZURE_CLIENT_CERTIFICATE_PATH", "/nowhere");
        const variable v("AZURE_CLIENT_CERTIFICATE_PASSWORD", password);
        CHECK(blocks_with(password, [] { environment_credential(); }) == 0);
    }
    for (const char* header : {"IDENTITY_HEADER", "MSI_SECRET"}) {
        const variable v(header, password);
        CHECK(blocks_with(password, [] { managed_identity_credential(); }) == 0); // without its endpoint
        const variable app("IDENTITY_ENDPOINT", "http://127.0.0.1:1/token");
        const variable ml("MSI_ENDPOINT", "http://127.0.0.1:1/token");
        CHECK(blocks_with(password, [] { managed_identity_credential(); }) == 0);
        CHECK(blocks_with(password, [] { default_credential(); }) == 0);
    }
    {
        const variable v("HTTPS_PROXY", "http://user:hush-password-hush-password@proxy.example:3128");
        CHECK(blocks_with(password, [] { proxy::from_environment().bypass("a, b"); }) == 0);
    }
    {
        const variable v("HTTPS_PROXY", "https://user:hush-password-hush-password@proxy.example");
        CHECK(blocks_with(password, [] { proxy::from_environment(); }) == 0);
    }
}

TEST_CASE("applications and proxies") {
    CHECK(blocks_with(password, [] { client_secret_credential("tenant", "client", password); }) == 0);
    CHECK(
        blocks_with(password, [] { client_certificate_credential("tenant", "client", "/nowhere", password); })
        == 0);
    CHECK(blocks_with(password,
                      [] {
                          proxy p("http://user:hush-password-hush-password@proxy.example:3128");
                          p.bypass("a");
                      })
          == 0);
}
