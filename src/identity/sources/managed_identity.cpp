#include "identity/sources/managed_identity.hpp"

#include "identity/sources/arc_key.hpp"
#include "identity/sources/identity_source.hpp"
#include "identity/sources/web_client.hpp"
#include "identity/tokens/token_response.hpp"
#include "support/ascii.hpp"

#include <azkv/error.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <string>
#include <utility>

namespace azkv::identity {

using kind = identity_source::kind;

namespace {

bool body_contains(const protocol::response& r, const char* text) {
    return ascii::find_ignoring_case(r.body, text) != r.body.npos;
}

// Docker Desktop sends this response in place of a service that it cannot reach.
bool is_unreachable(const protocol::response& r) {
    return r.status == 403 && body_contains(r, "unreachable");
}

[[noreturn]] void unavailable(const std::string& why, const protocol::response& r) {
    throw error(errc::credential_unavailable, why, diagnostics_of(r));
}

class managed_identity final : public token_credential {
public:
    managed_identity(credential_environment env, const managed_identity_id& id, bool probe)
        : env_(std::move(env)), source_(find_identity_source(env_, id)),
          probe_(probe && source_.what == kind::virtual_machine) {}

    asio::awaitable<access_token> token(token_request request) override {
        const std::string resource = request.resource();
        if (probe_ && !present_) co_await probe_service();
        const wall_time asked = std::chrono::system_clock::now();
        web_request r = source_.request(resource);
        web_client client = co_await web_client::make(env_, env_.direct, env_.timeout);
        protocol::response response = co_await send(client, r);
        if (source_.what == kind::azure_arc && response.status == 401) {
            r.headers.emplace_back("Authorization", answer_arc_challenge(response.challenge, env_.arc_keys));
            response = co_await send(client, r);
        }
        if (response.status != 200) refuse(response);
        co_return with_refresh(read_token(std::move(response), asked), asked);
    }

private:
    // Omits the header that every request for a token has, so that this is not one.
    asio::awaitable<void> probe_service() {
        const auto limit = std::min(env_.timeout, env_.probe_timeout);
        web_client client = co_await web_client::make(env_, env_.direct, limit);
        const web_request r("GET", source_.url);
        protocol::retry_policy once;
        once.max_attempts = 1;
        protocol::response response;
        try {
            response = co_await client.send(r, once);
        } catch (const error& e) {
            throw_missing(e);
        }
        if (is_unreachable(response)) unavailable("the metadata service cannot be reached", response);
        // Azure's metadata service responds with 400, since the header is missing. These come from that of
        // another cloud, or from a proxy.
        const bool foreign = response.status == 401 || response.status == 403 || response.status == 404
                             || response.status == 405;
        if (foreign) unavailable("the metadata service is not that of Azure", response);
        present_ = true;
    }

    // A source that never responded does not exist, unless a variable names it.
    asio::awaitable<protocol::response> send(web_client& client, const web_request& r) {
        protocol::response response;
        try {
            response = co_await client.send(r, source_.policy);
        } catch (const error& e) {
            if (source_.announced || present_ || e.code() == errc::bad_response) throw;
            throw_missing(e);
        }
        if (!is_unreachable(response)) present_ = true;
        co_return response;
    }

    [[noreturn]] void throw_missing(const error& e) const {
        throw error(errc::credential_unavailable,
                    (source_.what == kind::azure_arc ? "the agent of Azure Arc does not respond: "
                                                     : "no metadata service responds: ")
                        + std::string(e.what()));
    }

    [[noreturn]] void refuse(const protocol::response& r) const {
        if (source_.what == kind::virtual_machine) {
            if (is_unreachable(r)) unavailable("the metadata service cannot be reached", r);
            if (r.status == 400 && body_contains(r, "Identity not found"))
                unavailable("the machine does not have this identity", r);
        }
        throw_token_error(r, source_.name);
    }

    // Most tokens hold for a day. Renewed halfway, they outlast an outage of the source of many hours.
    static access_token with_refresh(access_token t, wall_time asked) {
        const auto lifetime = t.expires_on() - asked;
        if (!t.refresh_on() && lifetime >= std::chrono::hours(2)) t.refresh_on(asked + lifetime / 2);
        return t;
    }

    const credential_environment env_;
    const identity_source source_;
    const bool probe_;
    std::atomic<bool> present_{false}; // the source has responded
};

} // namespace

std::shared_ptr<token_credential> make_managed_identity_credential(credential_environment env,
                                                                   managed_identity_id id, bool probe) {
    return std::make_shared<managed_identity>(std::move(env), id, probe);
}

} // namespace azkv::identity
