#include "client.hpp"

#include "async/cancellation.hpp"
#include "codec/names.hpp"
#include "protocol/batch.hpp"
#include "protocol/call_state.hpp"
#include "protocol/operations.hpp"
#include "protocol/service_error.hpp"

#include <azkv/config.hpp>

#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/uuid/uuid_io.hpp>

#include <algorithm>
#include <utility>

namespace azkv {

namespace {

// The oldest version whose 401 names the authority to ask for a token.
// https://learn.microsoft.com/rest/api/storageservices/versioning-for-the-azure-storage-services
constexpr std::string_view service_version = "2020-12-06";

} // namespace

std::string subject::text() const {
    std::string text(operation);
    if (key) text += ' ' + codec::in_quotes(*key);
    return text + " in " + codec::in_quotes(collection);
}

void subject::fail(boost::system::error_code code, const std::string& why, diagnostics details) const {
    if (details.key.empty() && key) details.key = *key;
    throw error(code, text() + ": " + why, std::move(details));
}

void subject::fail(const protocol::response& r) const {
    protocol::service_error said = protocol::read_error(r);
    const errc code = protocol::classify(r, said);
    diagnostics details;
    details.status = static_cast<int>(r.status);
    details.service_code = std::move(said.code);
    details.server_message = std::move(said.message);
    details.request_id = r.request_id;
    fail(code, make_error_code(code).message() + " (HTTP " + std::to_string(r.status) + ')',
         std::move(details));
}

client::client(asio::any_io_executor executor, bool executor_outlives_calls,
               std::shared_ptr<const azkv::account> account, std::shared_ptr<net::transport> transport)
    : executor_(std::move(executor)), executor_outlives_calls_(executor_outlives_calls),
      account_(std::move(account)), transport_(std::move(transport)) {}

client::time_point client::deadline() const {
    return std::chrono::steady_clock::now() + account_->options.timeout();
}

std::string client::new_id() const {
    const std::lock_guard lock(ids_mutex_);
    return boost::uuids::to_string(ids_());
}

// All but the body. The date and the signature in it are of this moment.
std::string client::head(const protocol::request& r, std::string_view id, const secret& token) const {
    const protocol::endpoint& at = account_->endpoint;
    std::string target = at.base_path + r.path;
    const auto& authorizer = account_->authorizer;
    const std::string_view credential = authorizer ? authorizer->query() : std::string_view();
    if (!r.query.empty()) target.append("?").append(r.query);
    if (!credential.empty()) target.append(r.query.empty() ? "?" : "&").append(credential);

    std::string head;
    head.reserve(target.size() + token.reveal().size() + 640); // whole: growing would leave copies
    head.append(r.method).append(" ").append(target).append(" HTTP/1.1\r\n");
    head.append("Host: ").append(at.host_header).append("\r\n");
    head.append("User-Agent: azkv/" AZKV_VERSION_STRING "\r\n"
                "Accept: application/json;odata=minimalmetadata\r\n"
                "DataServiceVersion: 3.0\r\n"
                "MaxDataServiceVersion: 3.0;NetFx\r\n");
    head.append("x-ms-version: ").append(service_version).append("\r\n");
    head.append("x-ms-client-request-id: ").append(id).append("\r\n");
    if (!r.if_match.empty()) head.append("If-Match: ").append(r.if_match).append("\r\n");
    if (!r.prefer.empty()) head.append("Prefer: ").append(r.prefer).append("\r\n");
    if (!r.content_type.empty()) {
        head.append("Content-Type: ").append(r.content_type).append("\r\n");
        head.append("Content-Length: ").append(std::to_string(r.body.size())).append("\r\n");
    }
    if (authorizer) {
        identity::signing_input input;
        input.method = r.method;
        input.content_type = r.content_type;
        input.target = target;
        authorizer->append_headers(head, input, std::chrono::system_clock::now());
    } else if (!token.empty()) {
        head.append("Authorization: Bearer ").append(token.reveal()).append("\r\n");
    }
    head.append("\r\n");
    return head;
}

asio::awaitable<secret> client::token(token_request request, secret rejected, subject about,
                                      time_point deadline) const {
    const identity::token_caller caller(executor_, executor_outlives_calls_, deadline);
    try {
        co_return co_await account_->bearer->token(std::move(request), std::move(rejected), caller);
    } catch (const error& e) {
        about.fail(e.code(), std::string("logging in: ") + e.what(), e.details());
    }
}

asio::awaitable<answer> client::call(const protocol::request& r, subject about, time_point deadline) const {
    using action = protocol::call_state::action;
    const std::string id = new_id();
    const store_options& options = account_->options;
    protocol::retry_policy policy;
    policy.max_attempts = options.max_attempts();
    policy.first = options.first_backoff();
    policy.longest = options.longest_backoff();
    protocol::call_state state(policy, deadline, static_cast<std::uint32_t>(std::hash<std::string>()(id)));
    const std::shared_ptr<identity::bearer>& bearer = account_->bearer;
    secret token;
    std::optional<token_request> answered; // what was asked for when the service challenged the first token

    for (;;) {
        if (bearer && !answered && !bearer->must_discover()) {
            token = bearer->at_hand();
            if (token.empty()) token = co_await this->token(bearer->request(), secret(), about, deadline);
        }
        answer a;
        net::exchange x;
        x.to = &account_->endpoint.at;
        x.head = head(r, id, token);
        x.body = r.body;
        x.deadline = std::min(deadline, std::chrono::steady_clock::now() + options.attempt_timeout());
        co_await transport_->run(x);
        if (x.error == asio::error::operation_aborted) throw boost::system::system_error(x.error);

        if (bearer && !x.error && x.response.status == 401 && !answered) {
            answered = bearer->answer_to(x.response);
            if (answered) {
                state.remember(x.maybe_applied_before);
                token = co_await this->token(*answered, token, about, deadline);
                continue;
            }
            bearer->distrust(token);
        }
        const protocol::clocks now = protocol::clocks::now();
        action next;
        if (x.error) {
            next = state.on_error(x.error, x.maybe_applied, now);
        } else {
            if (r.batch_size > 0)
                x.response =
                    about.check([&] { return protocol::unwrap_batch(std::move(x.response), r.batch_size); });
            // Remembered before this answer is judged: it says nothing of earlier sendings.
            a.maybe_applied_before = state.maybe_applied() || x.maybe_applied_before;
            next = state.on_response(x.response, x.maybe_applied_before, now);
        }
        if (next == action::done) {
            a.response = std::move(x.response);
            if (answered && a.response.status != 401) bearer->remember(*answered);
            co_return a;
        }
        if (next == action::fail) {
            std::string why = net::describe(x, account_->endpoint.host_header);
            if (state.attempt() > 1) why.append(", after " + std::to_string(state.attempt()) + " attempts");
            // Without the place in Asio's sources that the code may carry.
            about.fail(boost::system::error_code(x.error.value(), x.error.category()), why);
        }
        const asio::cancellation_state cancellation = co_await asio::this_coro::cancellation_state;
        async::throw_if_cancelled(cancellation);
        asio::steady_timer pause(co_await asio::this_coro::executor, state.delay());
        co_await pause.async_wait(asio::use_awaitable);
    }
}

asio::awaitable<answer> client::write(const protocol::request& r, std::string_view table, subject about,
                                      time_point deadline) const {
    answer a = co_await call(r, about, deadline);
    const bool no_table =
        a.response.status == 404 && protocol::read_error(a.response).code == "TableNotFound";
    if (no_table) {
        const protocol::request create = protocol::create_table(table);
        const answer created = co_await call(create, about, deadline);
        // Someone else, or an attempt whose answer was lost, may have been faster.
        const bool exists = created.response.status == 409
                            && protocol::read_error(created.response).code == "TableAlreadyExists";
        if (!created.response.ok() && !exists) about.fail(created.response);
        a = co_await call(r, about, deadline);
    }
    co_return a;
}

} // namespace azkv
