// An environment of credentials that a test controls.
#pragma once

#include "identity/sources/credential_environment.hpp"
#include "support/run.hpp"

#include <azkv/error.hpp>
#include <azkv/token_credential.hpp>

#include <boost/asio/io_context.hpp>

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace azkv::test {

/// An environment with the test's own variables. Pauses take no time, and are recorded.
class recorded_environment {
public:
    using milliseconds = std::chrono::milliseconds;

    std::map<std::string, std::string> variables;

    identity::credential_environment with(identity::credential_environment::transport_maker transport) const {
        identity::credential_environment s;
        s.variable = [v = variables](const char* name) {
            const auto found = v.find(name);
            const bool none = found == v.end() || found->second.empty();
            return none ? std::nullopt : std::optional(found->second);
        };
        s.transport = std::move(transport);
        s.direct = [](const asio::any_io_executor&) { return nullptr; }; // not used by these tests
        s.pause = [p = pauses_](milliseconds d) { return note(p, d); };
        return s;
    }

    identity::credential_environment with(std::shared_ptr<net::transport> transport) const {
        return with([transport = std::move(transport)](const asio::any_io_executor&) { return transport; });
    }

    identity::credential_environment offline() const {
        return with([](const asio::any_io_executor&) { return nullptr; });
    }

    const std::vector<milliseconds>& pauses() const { return *pauses_; }

private:
    static asio::awaitable<void> note(std::shared_ptr<std::vector<milliseconds>> pauses, milliseconds d) {
        pauses->push_back(d);
        co_return;
    }

    std::shared_ptr<std::vector<milliseconds>> pauses_ = std::make_shared<std::vector<milliseconds>>();
};

inline asio::awaitable<std::optional<access_token>> ask(std::shared_ptr<token_credential> c,
                                                        token_request r) {
    access_token t = co_await c->token(std::move(r));
    co_return std::optional(std::move(t));
}

/// Requests a token from `c`, and runs `context` until no work is left.
inline access_token token_of(asio::io_context& context, std::shared_ptr<token_credential> c,
                             token_request r) {
    return *run(context, ask(std::move(c), std::move(r)));
}

/// Returns all text of an error, to be searched for what it must not contain.
inline std::string all_of(const error& e) {
    return std::string(e.what()) + '\n' + e.service_code() + '\n' + e.server_message() + '\n'
           + e.request_id();
}

} // namespace azkv::test
