// Chains of credentials.

#include "identity/sources/chain.hpp"
#include "support/run.hpp"
#include "support/test_secrets.hpp"

#include <azkv/identity.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/this_coro.hpp>
#include <doctest/doctest.h>

using namespace azkv;
using namespace azkv::test;
using namespace std::chrono_literals;

namespace {

access_token good() {
    return access_token(secret(secrets::token), std::chrono::system_clock::now() + 1h);
}

/// Returns a token, or throws, as scripted.
class source final : public token_credential {
public:
    source() {}

    explicit source(error e) : failure(std::move(e)) {}

    asio::awaitable<access_token> token(token_request) override {
        co_await asio::this_coro::executor;
        ++asked;
        if (failure) throw *failure;
        co_return good();
    }

    std::optional<error> failure;
    int asked = 0;
};

error unavailable(const char* why) {
    return error(errc::credential_unavailable, why);
}

bool gives_token(const std::shared_ptr<token_credential>& c) {
    asio::io_context context;
    const access_token t = run(context, c->token(token_request("https://storage.azure.com/.default")));
    return t.token().reveal() == secrets::token;
}

} // namespace

TEST_CASE("the first credential that returns a token is the only one used from then on") {
    const auto first = std::make_shared<source>(unavailable("it is not set up"));
    const auto second = std::make_shared<source>();
    const auto third = std::make_shared<source>();
    const auto chain = chained_credential({first, second, third});
    CHECK(gives_token(chain));
    CHECK(gives_token(chain));
    CHECK(first->asked == 1);
    CHECK(second->asked == 2);
    CHECK(third->asked == 0);

    second->failure = unavailable("it is gone");
    CHECK(failure_of([&] { gives_token(chain); }).code() == errc::credential_unavailable);
    CHECK(first->asked == 1);
}

TEST_CASE("a failing source ends the chain and the error lists what each one said") {
    diagnostics said;
    said.server_message = "AADSTS700016: no such application";
    said.status = 400;
    const auto first = std::make_shared<source>(unavailable("it is not set up"));
    const auto second = std::make_shared<source>(error(errc::authentication_failed, "it was refused", said));
    const auto third = std::make_shared<source>();
    const auto chain = chained_credential({first, second, third});
    const error e = failure_of([&] { gives_token(chain); });
    CHECK(e.code() == errc::authentication_failed);
    CHECK(std::string(e.what()) == "credential 1: it is not set up; credential 2: it was refused");
    CHECK(e.server_message() == "credential 2: AADSTS700016: no such application");
    CHECK(e.status() == 400);
    CHECK(third->asked == 0);

    second->failure.reset(); // failures are not cached
    CHECK(gives_token(chain));
    CHECK(first->asked == 2);
}

TEST_CASE("a chain without an available credential reports the reason of each") {
    const auto chain =
        identity::make_chain({{"environment", std::make_shared<source>(unavailable("no variables"))},
                              {"Azure CLI", std::make_shared<source>(unavailable("not installed"))}});
    const error e = failure_of([&] { gives_token(chain); });
    CHECK(e.code() == errc::credential_unavailable);
    CHECK(e.code() == condition::unauthorized);
    CHECK(std::string(e.what()) == "environment: no variables; Azure CLI: not installed");
}

TEST_CASE("a source whose failure does not end the chain") {
    const auto tool = std::make_shared<source>(error(errc::authentication_failed, "it was refused"));
    const auto chain = identity::make_chain({{"tool", tool, true}, {"other", std::make_shared<source>()}});
    CHECK(gives_token(chain));

    const auto none = identity::make_chain(
        {{"tool", std::make_shared<source>(error(errc::timed_out, "it took too long")), true},
         {"other", std::make_shared<source>(unavailable("not installed"))}});
    const error e = failure_of([&] { gives_token(none); });
    CHECK(e.code() == errc::timed_out); // the more informative one
    CHECK(std::string(e.what()) == "tool: it took too long; other: not installed");
}

TEST_CASE("a chain of chains") {
    const auto inner = chained_credential({std::make_shared<source>(unavailable("a"))});
    const auto outer = chained_credential({inner, static_token_credential(good())});
    CHECK(gives_token(outer));
}

TEST_CASE("a function of the program and a constant token") {
    int asked = 0;
    const auto give = [&asked](token_request r) -> asio::awaitable<access_token> {
        co_await asio::this_coro::executor;
        asked += r.scope() == "https://storage.azure.com/.default";
        co_return good();
    };
    CHECK(gives_token(callback_credential(give)));
    CHECK(asked == 1);
    CHECK(gives_token(static_token_credential(good())));
}
