#include "identity/sources/web_client.hpp"

#include "protocol/endpoint.hpp"
#include "protocol/percent_encoding.hpp"
#include "support/wipe.hpp"

#include <azkv/config.hpp>
#include <azkv/error.hpp>

#include <boost/asio/error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/url/encode.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/rfc/unreserved_chars.hpp>
#include <boost/url/url_view.hpp>

#include <algorithm>
#include <functional>

namespace azkv::identity {

namespace urls = boost::urls;
using std::chrono::steady_clock;

namespace {

// A server that has not responded by then will not.
constexpr std::chrono::seconds attempt_timeout{30};

/// The endpoint of a request, and the bytes of its head.
class prepared_request {
public:
    explicit prepared_request(const web_request& r) {
        // The endpoint is the URL without its query.
        const std::string_view url = r.url;
        at = protocol::parse_endpoint(url.substr(0, url.find('?')));
        at.at.thumbprint = r.thumbprint;
        const urls::url_view parsed = urls::parse_uri(url).value();
        std::string& text = head.text;
        std::size_t size = 512 + url.size() + at.host_header.size();
        for (const auto& [name, value] : r.headers) size += name.size() + value.reveal().size() + 4;
        text.reserve(size); // growing would leave copies of secrets
        text.append(r.method).append(" ").append(std::string_view(parsed.encoded_path()));
        if (parsed.encoded_path().empty()) text.append("/");
        if (parsed.has_query()) text.append("?").append(std::string_view(parsed.encoded_query()));
        text.append(" HTTP/1.1\r\nHost: ").append(at.host_header);
        text.append("\r\nUser-Agent: azkv/" AZKV_VERSION_STRING "\r\nAccept: application/json\r\n");
        for (const auto& [name, value] : r.headers)
            text.append(name).append(": ").append(value.reveal()).append("\r\n");
        if (!r.form.empty())
            text.append("Content-Type: application/x-www-form-urlencoded\r\nContent-Length: ")
                .append(std::to_string(r.form.reveal().size()))
                .append("\r\n");
        text.append("\r\n");
    }

    protocol::endpoint at;
    wiped_string head;
};

} // namespace

void append_parameter(std::string& to, std::string_view name, std::string_view text) {
    // It may be a secret: encoded in place, and moved to a larger buffer without leaving a copy.
    const std::size_t size = urls::encoded_size(text, urls::unreserved_chars);
    if (const std::size_t needed = to.size() + name.size() + size + 2; needed > to.capacity()) {
        std::string larger;
        larger.reserve(2 * needed);
        larger.append(to);
        wipe(to);
        to = std::move(larger);
    }
    if (!to.empty()) to.push_back('&');
    to.append(name).append("=");
    protocol::append_encoded(to, text);
}

asio::awaitable<web_client> web_client::make(const credential_environment& env,
                                             const credential_environment::transport_maker& transport,
                                             std::chrono::milliseconds timeout) {
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    co_return web_client(env, transport(executor), steady_clock::now() + timeout);
}

asio::awaitable<protocol::response> web_client::send(const web_request& r,
                                                     const protocol::retry_policy& policy) {
    using action = protocol::call_state::action;
    const prepared_request request(r);
    // The seed of the jitter, which differs between processes and moments.
    const auto seed = static_cast<std::uint32_t>(steady_clock::now().time_since_epoch().count());
    protocol::call_state state(policy, deadline_, seed);
    protocol::response response;
    for (;;) {
        net::exchange x(response);
        x.idempotency = protocol::idempotency::idempotent;
        x.to = &request.at.at;
        x.head = request.head.text;
        x.body = r.form.reveal();
        x.deadline = deadline_;
        x.attempt_timeout = attempt_timeout;
        co_await transport_->run(x);
        if (x.error == asio::error::operation_aborted) throw boost::system::system_error(x.error);

        const protocol::clocks now = protocol::clocks::now();
        const action next = x.error ? state.on_error(x.error, protocol::applied::unknown, now)
                                    : state.on_response(x.response, protocol::applied::no, now);
        if (next == action::done) co_return response;
        if (next == action::fail) {
            std::string why = net::describe(x, request.at.host_header);
            if (state.attempt() > 1) why.append(", after " + std::to_string(state.attempt()) + " attempts");
            throw error(x.error, why);
        }
        co_await env_->pause(state.delay());
    }
}

} // namespace azkv::identity
