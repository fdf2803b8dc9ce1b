#include "client/missing.hpp"
#include "async/only_terminal.hpp"
#include "client/request_sender.hpp"
#include "codec/entity.hpp"
#include "codec/names.hpp"
#include "net/http_transport.hpp"
#include "net/proxy_access.hpp"
#include "operations/query_pager.hpp"
#include "protocol/connection_string.hpp"
#include "protocol/requests.hpp"
#include "protocol/trace_context.hpp"
#include "operations/put_all.hpp"
#include "operations/query.hpp"
#include "store/store_impl.hpp"
#include "client/telemetry.hpp"

#include <azkv/error.hpp>
#include <azkv/store.hpp>

#include <chrono>
#include <exception>
#include <utility>

namespace azkv {

namespace {

// How long operations that were told to end are waited for.
constexpr std::chrono::seconds longest_farewell{1};

using shared_client = std::shared_ptr<const traced_client>;

// Each operation is a free coroutine that owns its arguments and shares the client, so that the store object
// may go while it runs.

asio::awaitable<async::outcome<void>> put(shared_client c, std::string key, value v, std::string collection) {
    operation op = c->begin({"put", collection, &key});
    const operation::turn turn(op);
    const auto deadline = op.deadline();
    const account& account = op.account();
    std::string table;
    const protocol::request r = op.check([&] {
        table = codec::table_name(collection, account.options.naming());
        const std::string row = codec::escape_key(key, account.mode);
        return protocol::upsert_entity(table, account.partition, row,
                                       codec::encode_entity(account.partition, row, v, account.mode));
    });
    answer a;
    co_await c->client->write(op, r, table, deadline, a);
    if (!a.succeeded) co_return std::make_exception_ptr(op.failure(a));
    op.succeed();
    co_return async::outcome<void>();
}

asio::awaitable<async::outcome<std::optional<value>>> get(shared_client c, std::string key,
                                                          std::string collection, projection select) {
    operation op = c->begin({"get", collection, &key});
    const operation::turn turn(op);
    const auto deadline = op.deadline();
    const account& account = op.account();
    codec::columns columns = codec::columns::all;
    std::string row;
    const protocol::request r = op.check([&] {
        row = codec::escape_key(key, account.mode);
        const std::string list = codec::select_list(select, account.mode, false);
        if (!list.empty()) columns = codec::columns::selected;
        return protocol::get_entity(codec::table_name(collection, account.options.naming()),
                                    account.partition, row, list);
    });
    answer a;
    co_await c->client->call(op, r, deadline, a);
    std::optional<value> found;
    if (a.succeeded)
        found = op.check([&] {
            const codec::expected_keys keys(account.partition, row);
            return codec::decode_entity(a.response.body, keys, select, columns);
        });
    else if (absence_in(a.response) == absence::none)
        co_return std::make_exception_ptr(op.failure(a));
    op.succeed();
    co_return found;
}

asio::awaitable<async::outcome<bool>> erase(shared_client c, std::string key, std::string collection) {
    operation op = c->begin({"erase", collection, &key});
    const operation::turn turn(op);
    const auto deadline = op.deadline();
    const account& account = op.account();
    const protocol::request r = op.check([&] {
        return protocol::delete_entity(codec::table_name(collection, account.options.naming()),
                                       account.partition, codec::escape_key(key, account.mode));
    });
    answer a;
    co_await c->client->call(op, r, deadline, a);
    const absence absent = absence_in(a.response);
    if (!a.succeeded && absent == absence::none) co_return std::make_exception_ptr(op.failure(a));
    op.succeed();
    // An attempt whose answer was lost, or left open what became of it, may be why the key is gone.
    co_return a.succeeded || (absent == absence::entity && a.maybe_applied_before);
}

asio::awaitable<async::outcome<std::map<std::string, value>>> get_all(shared_client c, std::string collection,
                                                                      projection select) {
    operation op = c->begin({"get_all", collection, nullptr});
    const operation::turn turn(op);
    std::string filter = "PartitionKey eq " + protocol::string_literal(op.account().partition);
    page_query q(op, std::move(filter), collection, std::move(select), op.account().partition);
    std::map<std::string, value> all;
    while (q.more()) {
        const protocol::request r = q.request();
        answer a;
        co_await c->client->call(op, r, op.next_deadline(), a);
        for (entry& e : q.read(op, a)) all.insert_or_assign(e.key(), std::move(e).value());
    }
    op.succeed();
    co_return all;
}

asio::awaitable<async::outcome<bool>> close(asio::any_io_executor executor, std::shared_ptr<const client> c,
                                            std::chrono::milliseconds limit) {
    using std::chrono::steady_clock;
    if (limit.count() < 0 || limit > std::chrono::hours(24 * 365))
        throw error(errc::invalid_argument, "close: the limit must be from 0 to a year");
    if (*c->process() != support::process_number())
        throw error(errc::forked, "close: " + std::string(async::fork_advice));
    const std::shared_ptr<const account> a = c->shared_account();
    const std::shared_ptr<async::operation_tracker> tracker = a->tracker;
    tracker->stop_accepting();
    const bool cut_off_before = tracker->has_aborted_any();
    const bool finished = co_await async::operation_tracker::wait_idle(tracker, executor, steady_clock::now() + limit);
    tracker->abort_all(); // closes the connections, too
    // Unless nobody runs them they end at once.
    if (!finished) co_await async::operation_tracker::wait_idle(tracker, executor, steady_clock::now() + longest_farewell);
    note(a->options, log_level::info,
         finished ? "the store was closed" : "the store was closed, and operations were cut off");
    co_return finished && !cut_off_before;
}

std::shared_ptr<net::transport> make_transport(const asio::any_io_executor& executor,
                                               const account& account) {
    net::connector::settings s;
    s.connect_timeout = account.options.connect_timeout();
    s.idle_timeout = account.options.idle_timeout();
    s.max_response_size = account.options.max_response_size();
    s.tls = account.tls;
    s.proxy = net::proxy_access::settings(account.options.proxy());
    net::pool::limits l(account.options.max_connections());
    l.waiting = account.options.max_waiting();
    return std::make_shared<net::http_transport>(executor, l, s);
}

} // namespace

store detail::store_access::make(asio::any_io_executor executor, std::shared_ptr<const account> account,
                                 std::shared_ptr<net::transport> transport, bool executor_outlives_calls) {
    auto c = std::make_shared<const client>(executor, executor_outlives_calls, std::move(account),
                                            std::move(transport));
    return store(std::make_shared<store::implementation>(std::move(executor), std::move(c)));
}

store detail::store_access::make(asio::any_io_executor executor, std::shared_ptr<const account> account,
                                 bool executor_outlives_calls) {
    auto transport = make_transport(executor, *account);
    return make(std::move(executor), std::move(account), std::move(transport), executor_outlives_calls);
}

store detail::store_access::traced(const store& s, std::string trace) {
    return store(std::make_shared<store::implementation>(s.impl_->executor, s.impl_->origin->client,
                                                         std::move(trace)));
}

store::store(std::shared_ptr<implementation> impl) : impl_(std::move(impl)) {}

store::store(asio::any_io_executor executor, std::string endpoint, credential credential,
             store_options options)
    : store(detail::store_access::make(
        std::move(executor), std::make_shared<const account>(endpoint, credential, std::move(options)))) {}

store store::from_connection_string(asio::any_io_executor executor, std::string_view connection_string,
                                    store_options options) {
    return detail::store_access::make(std::move(executor),
                                      account::from_connection_string(connection_string, std::move(options)));
}

store store::from_connection_string(asio::any_io_executor executor, const char* connection_string,
                                    store_options options) {
    return from_connection_string(std::move(executor), protocol::present(connection_string),
                                  std::move(options));
}

store store::from_account_and_key(asio::any_io_executor executor, std::string name, secret key,
                                  store_options options) {
    return detail::store_access::make(
        std::move(executor),
        account::from_account_and_key(std::move(name), std::move(key), std::move(options)));
}

store store::from_sas_token(asio::any_io_executor executor, std::string endpoint, secret sas,
                            store_options options) {
    return store(std::move(executor), std::move(endpoint), credential::sas(std::move(sas)),
                 std::move(options));
}

store store::from_account_and_id(asio::any_io_executor executor, std::string name, store_options options) {
    const std::string url = account::url_of(name, options);
    return from_aad_token(std::move(executor), url, std::move(options));
}

store store::from_aad_token(asio::any_io_executor executor, std::string endpoint, store_options options) {
    return detail::store_access::make(std::move(executor),
                                      account::from_identity(endpoint, std::move(options)));
}

store::executor_type store::get_executor() const {
    return impl_->executor;
}

asio::awaitable<void> store::put(std::string key, value v, std::string collection) {
    return async::only_terminal(
        azkv::put(impl_->origin, std::move(key), std::move(v), std::move(collection)));
}

asio::awaitable<void> store::put_all(std::vector<std::pair<std::string, value>> pairs, std::string collection,
                                     std::size_t batch_size, put_all_progress progress) {
    return async::only_terminal(azkv::put_all(impl_->origin, std::move(pairs), std::move(collection),
                                              batch_size, std::move(progress)));
}

asio::awaitable<std::optional<value>> store::get(std::string key, std::string collection, projection select) {
    return async::only_terminal(
        azkv::get(impl_->origin, std::move(key), std::move(collection), std::move(select)));
}

asio::awaitable<std::map<std::string, value>> store::get_all(std::string collection, projection select) {
    return async::only_terminal(azkv::get_all(impl_->origin, std::move(collection), std::move(select)));
}

asio::awaitable<bool> store::erase(std::string key, std::string collection) {
    return async::only_terminal(azkv::erase(impl_->origin, std::move(key), std::move(collection)));
}

async_generator<entry> store::query(std::string filter, std::string collection, projection select) {
    return azkv::query(impl_->origin, impl_->executor, std::move(filter), std::move(collection),
                       std::move(select));
}

store store::with_traceparent(std::string_view traceparent, std::string_view tracestate) const {
    return detail::store_access::traced(*this, protocol::trace_headers(traceparent, tracestate));
}

asio::awaitable<bool> store::close(std::chrono::milliseconds limit) {
    return async::only_terminal(azkv::close(impl_->executor, impl_->origin->client, limit));
}

} // namespace azkv
