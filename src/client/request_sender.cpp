#include "client/request_sender.hpp"

#include "async/cancellation.hpp"
#include "async/manual_reset_event.hpp"
#include "client/call_flow.hpp"
#include "client/operation_context.hpp"
#include "identity/tokens/token_provider.hpp"

#include <azkv/error.hpp>

#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/this_coro.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>

namespace azkv::client {

using std::chrono::steady_clock;

namespace {

// Adapts the pace of the partition to a response of the primary endpoint.
void update_pace(operation_context& op, pacing::ticket& ticket, const net::exchange& x,
                 const call_flow::verdict& v, const protocol::clocks& now) {
    const unsigned status = x.response.status;
    if (x.error)
        ticket.lost(x.error == errc::timed_out && !x.overloaded);
    else if (v.throttled)
        ticket.refused(protocol::retry_hint(x.response, now).value_or(std::chrono::milliseconds(0)));
    else if (v.challenged || !v.understood || status >= 500 || status == 408)
        ticket.lost(false);
    else
        ticket.accepted();
    for (const auto& report : ticket.take_reports()) op.report_pace(report);
}

void prepare(net::exchange& x, const operation_context& op, const call_flow& flow, const request_head& writer,
             request_sender::time_point deadline) {
    if (x.response.status != 0) x.response = protocol::response(); // of the previous attempt
    x.response.is_dated = flow.request().is_dated;
    x.to = &flow.target().at;
    x.id = op.id();
    x.writer = &writer;
    x.body = flow.request().body;
    x.idempotency = flow.request().idempotency;
    x.deadline = deadline;
    x.attempt_timeout = op.service().options.attempt_timeout();
}

// A plain success needs no clock.
protocol::clocks read_clocks(const net::exchange& x, const protocol::request& sent) {
    const bool simple =
        !x.error && sent.batch_size == 0 && !sent.is_dated && sent.success.contains(x.response.status);
    return simple ? protocol::clocks() : protocol::clocks::now();
}

} // namespace

request_sender::request_sender(asio::any_io_executor executor, bool executor_outlives_calls,
                               std::shared_ptr<const service_context> service,
                               std::shared_ptr<net::transport> transport)
    : executor_(std::move(executor)), process_(async::owner_of_context(executor_)),
      executor_outlives_calls_(executor_outlives_calls), service_(std::move(service)),
      transport_(std::move(transport)), heads_(*service_),
      closing_(service_->tracker, [t = transport_.get()] { t->close(); }), ids_(process_) {}

asio::awaitable<void> request_sender::call(operation_context& op, const protocol::request& r,
                                           time_point deadline, call_result& result) const {
    using step = call_flow::step;
    call_flow flow(*service_, op.settings(), r, deadline, op.seed(), result);
    pacing::ticket ticket(*service_->paces, *process_, op.label().collection,
                          r.partition.empty() ? op.settings().partition : r.partition,
                          std::max<std::size_t>(r.batch_size, 1));
    time_point began, admitted_at; // the attempt, and its turn
    try {
        for (step next = flow.begin(); next != step::done;) {
            op.require_own_process(); // a function that the last step called may have forked
            if (r.resolver) op.require_begun_here();
            if (next == step::get_token) {
                secret t = co_await token(op, flow.wanted_token(), flow.token(), deadline);
                next = flow.token_ready(std::move(t));
            } else if (next == step::pause) {
                co_await pause(op, flow.delay());
                next = flow.pause_over();
            } else if (next == step::wait_turn && ticket.is_needed()) {
                began = steady_clock::now();
                next = co_await wait_turn(op, flow, ticket, deadline);
                admitted_at = steady_clock::now();
            } else {
                if (!ticket.is_paced()) ticket.sent(began = admitted_at = steady_clock::now());
                const protocol::request& sent = flow.request();
                const request_head head(heads_, op, sent, flow.target(), flow.token());
                net::exchange x(result.response);
                prepare(x, op, flow, head, deadline);
                x.paced = admitted_at - began;
                co_await transport_->run(x);
                if (x.error == asio::error::operation_aborted) throw boost::system::system_error(x.error);
                if (x.overload_report) op.report_overload(*x.overload_report);
                const protocol::clocks now = read_clocks(x, sent);
                next = flow.exchanged(x, now);
                if (flow.keeps_pace()) update_pace(op, ticket, x, flow.last_attempt(), now);
                if (!x.overloaded) op.report_attempt(sent, x, flow.last_attempt(), began);
            }
        }
        flow.settle();
        if (result.error == errc::overloaded) {
            co_await yield(); // so that a caller that retries at once does not starve others
            op.require_own_process();
        }
    } catch (const error& e) {
        op.rethrow(e, flow.applied());
    } catch (const boost::system::system_error& e) {
        if (e.code() == asio::error::operation_aborted) op.abort();
        throw;
    }
}

asio::awaitable<secret> request_sender::token(operation_context& op, token_request request, secret rejected,
                                              time_point deadline) const {
    const identity::token_caller caller(executor_, executor_outlives_calls_, deadline, service_->tracker);
    try {
        co_return co_await service_->tokens->token(std::move(request), std::move(rejected), caller);
    } catch (const error& e) {
        op.fail(e.code(), std::string("logging in: ") + e.what(), e.details());
    }
}

asio::awaitable<void> request_sender::pause(operation_context& op, std::chrono::milliseconds delay) const {
    const asio::cancellation_state cancellation = co_await asio::this_coro::cancellation_state;
    async::throw_if_cancelled(cancellation);
    if (delay.count() == 0) co_return;
    const auto over = std::make_shared<async::manual_reset_event>(executor_);
    const async::operation_tracker::abort_subscription closing(service_->tracker, [over] { over->set(); });
    co_await over->wait(steady_clock::now() + delay);
    if (service_->tracker->is_aborted()) op.fail_closed();
}

// Waits for the request's turn at its partition.
asio::awaitable<call_flow::step> request_sender::wait_turn(operation_context& op, call_flow& flow,
                                                           pacing::ticket& ticket,
                                                           time_point deadline) const {
    using result = pacing::ticket::result;
    ticket.drop_finished();
    for (const auto& report : ticket.take_reports()) op.report_pace(report);
    const result turn = co_await ticket.wait(executor_, service_->tracker, deadline);
    if (turn == result::closed) op.fail_closed();
    op.require_own_process(); // other coroutines, which may have forked, ran meanwhile
    if (turn == result::admitted) co_return call_flow::step::send;
    co_return flow.turn_missed(turn == result::late, ticket.summarize());
}

asio::awaitable<void> request_sender::yield() const {
    const auto others = std::make_shared<async::manual_reset_event>(executor_);
    co_await others->wait(steady_clock::now());
}

} // namespace azkv::client
