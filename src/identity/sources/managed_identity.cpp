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

bool says(const protocol::response& r, const char* text) {
    return ascii::find_ignoring_case(r.body, text) != r.body.npos;
}

// What Docker Desktop answers in the place of a service that it cannot reach.
bool is_unreachable(const protocol::response& r) {
    return r.status == 403 && says(r, "unreachable");
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
        if (probe_ && !present_) co_await look_for_service();
        const wall_time asked = std::chrono::system_clock::now();
        web_request r = source_.request(resource);
        web_client client = co_await web_client::make(env_, env_.direct, env_.timeout);
        protocol::response answer = co_await ask(client, r);
        if (source_.what == kind::azure_arc && answer.status == 401) {
            r.headers.emplace_back("Authorization", answer_arc_challenge(answer.challenge, env_.arc_keys));
            answer = co_await ask(client, r);
        }
        if (answer.status != 200) refuse(answer);
        co_return with_refresh(read_token(std::move(answer), asked), asked);
    }

private:
    // Without the header that a request for a token has, so that it is no such request.
    asio::awaitable<void> look_for_service() {
        const auto limit = std::min(env_.timeout, env_.probe_timeout);
        web_client client = co_await web_client::make(env_, env_.direct, limit);
        const web_request r("GET", source_.url);
        protocol::retry_policy once;
        once.max_attempts = 1;
        protocol::response answer;
        try {
            answer = co_await client.send(r, once);
        } catch (const error& e) {
            not_there(e);
        }
        if (is_unreachable(answer)) unavailable("the metadata service cannot be reached", answer);
        // Azure's misses the header (400). That of another cloud, or a proxy, has other reasons to refuse.
        const bool another =
            answer.status == 401 || answer.status == 403 || answer.status == 404 || answer.status == 405;
        if (another) unavailable("the metadata service is not that of Azure", answer);
        present_ = true;
    }

    // Whoever never answered is not there, unless the variables say so.
    asio::awaitable<protocol::response> ask(web_client& client, const web_request& r) {
        protocol::response answer;
        try {
            answer = co_await client.send(r, source_.policy);
        } catch (const error& e) {
            if (source_.announced || present_ || e.code() == errc::bad_response) throw;
            not_there(e);
        }
        if (!is_unreachable(answer)) present_ = true;
        co_return answer;
    }

    [[noreturn]] void not_there(const error& e) const {
        throw error(errc::credential_unavailable,
                    (source_.what == kind::azure_arc ? "the agent of Azure Arc does not answer: "
                                                     : "no metadata service answers: ")
                        + std::string(e.what()));
    }

    [[noreturn]] void refuse(const protocol::response& r) const {
        if (source_.what == kind::virtual_machine) {
            if (is_unreachable(r)) unavailable("the metadata service cannot be reached", r);
            if (r.status == 400 && says(r, "Identity not found"))
                unavailable("the machine has no such identity", r);
        }
        throw_token_error(r, source_.name);
    }

    // Most hold for a day: one that is renewed early outlasts a source that is away for hours.
    static access_token with_refresh(access_token t, wall_time asked) {
        const auto lifetime = t.expires_on() - asked;
        if (!t.refresh_on() && lifetime >= std::chrono::hours(2)) t.refresh_on(asked + lifetime / 2);
        return t;
    }

    const credential_environment env_;
    const identity_source source_;
    const bool probe_;
    std::atomic<bool> present_{false}; // the service has answered
};

} // namespace

std::shared_ptr<token_credential> make_managed_identity_credential(credential_environment env,
                                                                   managed_identity_id id, bool probe) {
    return std::make_shared<managed_identity>(std::move(env), id, probe);
}

} // namespace azkv::identity
