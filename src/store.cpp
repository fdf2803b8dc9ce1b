#include "client.hpp"
#include "codec/entity.hpp"
#include "codec/names.hpp"
#include "net/http_transport.hpp"
#include "net/proxy_access.hpp"
#include "protocol/batch.hpp"
#include "protocol/operations.hpp"
#include "protocol/service_error.hpp"
#include "store_implementation.hpp"

#include <azkv/error.hpp>
#include <azkv/store.hpp>

#include <unordered_set>
#include <utility>

namespace azkv {

namespace {

using shared_client = std::shared_ptr<const client>;

enum class absence { none, entity, table };

// Absence is an answer; a 404 that some proxy made up is not.
absence absence_in(const protocol::response& r) {
    if (r.status != 404) return absence::none;
    const std::string code = protocol::read_error(r).code;
    if (code == "TableNotFound") return absence::table;
    return code == "ResourceNotFound" || code == "EntityNotFound" ? absence::entity : absence::none;
}

// Each operation is a free coroutine that owns its arguments and shares the client, so that the store object
// may go while it runs.

asio::awaitable<void> put(shared_client c, std::string key, value v, std::string collection) {
    const subject about{"put", collection, &key};
    const auto deadline = c->deadline();
    const account& account = c->account();
    std::string table;
    const protocol::request r = about.check([&] {
        table = codec::table_name(collection, account.options.naming());
        const std::string row = codec::escape_key(key, account.mode);
        return protocol::upsert_entity(table, account.partition, row,
                                       codec::encode_entity(account.partition, row, v, account.mode));
    });
    const answer a = co_await c->write(r, table, about, deadline);
    if (!a.response.ok()) about.fail(a.response);
}

/// One operation of a batch.
class batched {
public:
    batched(std::string key, std::string path, std::string entity)
        : key(std::move(key)), path(std::move(path)), entity(std::move(entity)) {}

    std::string key;
    std::string path;
    std::string entity;
};

// Checks and encodes the pairs, without those that a later one replaces.
std::vector<batched> encode_all(std::vector<std::pair<std::string, value>> pairs, std::string_view collection,
                                std::string_view table, const account& account) {
    std::vector<batched> all;
    all.reserve(pairs.size());
    std::unordered_set<std::string> seen;
    for (auto pair = pairs.rbegin(); pair != pairs.rend(); ++pair) {
        std::string& key = pair->first;
        const subject about{"put_all", collection, &key};
        about.check([&] {
            const std::string row = codec::escape_key(key, account.mode);
            std::string entity = codec::encode_entity(account.partition, row, pair->second, account.mode);
            if (seen.insert(key).second)
                all.emplace_back(key, protocol::entity_path(table, account.partition, row),
                                 std::move(entity));
        });
        pair->second = value(); // its memory is not needed twice
    }
    std::ranges::reverse(all);
    return all;
}

asio::awaitable<void> put_all(shared_client c, std::vector<std::pair<std::string, value>> pairs,
                              std::string collection, std::size_t batch_size) {
    const subject about{"put_all", collection, nullptr};
    const account& account = c->account();
    if (batch_size < 1 || batch_size > protocol::max_batch_operations)
        about.fail(errc::invalid_argument, "batch_size is " + std::to_string(batch_size)
                                               + "; it must be from 1 to "
                                               + std::to_string(protocol::max_batch_operations));
    const std::string table =
        about.check([&] { return codec::table_name(collection, account.options.naming()); });
    const std::vector<batched> all = encode_all(std::move(pairs), collection, table, account);

    for (std::size_t done = 0; done < all.size();) {
        const auto deadline = c->deadline();
        protocol::batch_builder batch(account.endpoint, c->new_id());
        const std::size_t first = done;
        do {
            batch.add(all[done].path, all[done].entity);
            ++done;
        } while (done < all.size() && done - first < batch_size
                 && batch.size_with(all[done].path, all[done].entity)
                        <= protocol::max_batch_bytes(account.mode));
        const protocol::request r = batch.release();
        const answer a = co_await c->write(r, table, about, deadline);
        if (a.response.status == 202) continue;
        const std::size_t failed = a.response.failed_operation.value_or(0);
        const bool known = a.response.failed_operation.has_value() || r.batch_size == 1;
        const subject culprit{"put_all", collection, known ? &all[first + failed].key : nullptr};
        culprit.fail(a.response);
    }
}

asio::awaitable<std::optional<value>> get(shared_client c, std::string key, std::string collection,
                                          projection select) {
    const subject about{"get", collection, &key};
    const auto deadline = c->deadline();
    const account& account = c->account();
    codec::columns columns = codec::columns::all;
    const protocol::request r = about.check([&] {
        const std::string list = codec::select_list(select, account.mode, false);
        if (!list.empty()) columns = codec::columns::selected;
        return protocol::get_entity(codec::table_name(collection, account.options.naming()),
                                    account.partition, codec::escape_key(key, account.mode), list);
    });
    const answer a = co_await c->call(r, about, deadline);
    std::optional<value> found;
    if (a.response.status == 200)
        found = about.check([&] { return codec::decode_entity(a.response.body, select, columns); });
    else if (absence_in(a.response) == absence::none)
        about.fail(a.response);
    co_return found;
}

asio::awaitable<bool> erase(shared_client c, std::string key, std::string collection) {
    const subject about{"erase", collection, &key};
    const auto deadline = c->deadline();
    const account& account = c->account();
    const protocol::request r = about.check([&] {
        return protocol::delete_entity(codec::table_name(collection, account.options.naming()),
                                       account.partition, codec::escape_key(key, account.mode));
    });
    const answer a = co_await c->call(r, about, deadline);
    const absence absent = absence_in(a.response);
    if (!a.response.ok() && absent == absence::none) about.fail(a.response);
    // An attempt whose answer was lost may be the reason why the key is gone.
    co_return a.response.ok() || (absent == absence::entity && a.maybe_applied_before);
}

async_generator<entry> query(shared_client c, std::string_view operation, std::string filter,
                             std::string collection, projection select) {
    const subject about{operation, collection, nullptr};
    const account& account = c->account();
    std::string table;
    std::string columns;
    about.check([&] {
        table = codec::table_name(collection, account.options.naming());
        columns = codec::select_list(select, account.mode, true);
    });
    const auto which = columns.empty() ? codec::columns::all : codec::columns::selected;
    protocol::continuation from;
    do {
        const protocol::request r = protocol::query_entities(table, filter, columns, from);
        const answer a = co_await c->call(r, about, c->deadline());
        if (absence_in(a.response) != absence::none) co_return;
        if (a.response.status != 200) about.fail(a.response);
        protocol::continuation next(a.response);
        if (!next.empty() && next == from)
            about.fail(errc::bad_response, "the service sends the same page again and again");
        from = std::move(next);
        std::vector<entry> page =
            about.check([&] { return codec::decode_page(a.response.body, select, which); });
        co_yield std::move(page);
    } while (!from.empty());
}

asio::awaitable<std::map<std::string, value>> get_all(shared_client c, std::string collection,
                                                      projection select) {
    std::map<std::string, value> all;
    std::string filter = "PartitionKey eq " + protocol::string_literal(c->account().partition);
    async_generator<entry> rows =
        query(std::move(c), "get_all", std::move(filter), std::move(collection), std::move(select));
    for (;;) {
        std::vector<entry> page = co_await rows.next_page();
        if (page.empty()) break;
        for (entry& e : page) all.insert_or_assign(e.key(), std::move(e).value());
    }
    co_return all;
}

std::shared_ptr<net::transport> make_transport(const asio::any_io_executor& executor,
                                               const account& account) {
    net::connector::settings s;
    s.connect_timeout = account.options.connect_timeout();
    s.idle_timeout = account.options.idle_timeout();
    s.max_response_size = account.options.max_response_size();
    s.tls = account.tls;
    s.proxy = net::proxy_access::settings(account.options.proxy());
    return std::make_shared<net::http_transport>(executor, account.options.max_connections(), s);
}

} // namespace

store::implementation::implementation(asio::any_io_executor e, bool executor_outlives_calls,
                                      std::shared_ptr<const azkv::account> account,
                                      std::shared_ptr<net::transport> transport)
    : executor(std::move(e)),
      client(std::make_shared<const azkv::client>(executor, executor_outlives_calls, std::move(account),
                                                  std::move(transport))) {}

store detail::store_access::make(asio::any_io_executor executor, std::shared_ptr<const account> account,
                                 std::shared_ptr<net::transport> transport, bool executor_outlives_calls) {
    return store(std::make_shared<store::implementation>(std::move(executor), executor_outlives_calls,
                                                         std::move(account), std::move(transport)));
}

store detail::store_access::make(asio::any_io_executor executor, std::shared_ptr<const account> account,
                                 bool executor_outlives_calls) {
    auto transport = make_transport(executor, *account);
    return make(std::move(executor), std::move(account), std::move(transport), executor_outlives_calls);
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
    return azkv::put(impl_->client, std::move(key), std::move(v), std::move(collection));
}

asio::awaitable<void> store::put_all(std::vector<std::pair<std::string, value>> pairs, std::string collection,
                                     std::size_t batch_size) {
    return azkv::put_all(impl_->client, std::move(pairs), std::move(collection), batch_size);
}

asio::awaitable<std::optional<value>> store::get(std::string key, std::string collection, projection select) {
    return azkv::get(impl_->client, std::move(key), std::move(collection), std::move(select));
}

asio::awaitable<std::map<std::string, value>> store::get_all(std::string collection, projection select) {
    return azkv::get_all(impl_->client, std::move(collection), std::move(select));
}

asio::awaitable<bool> store::erase(std::string key, std::string collection) {
    return azkv::erase(impl_->client, std::move(key), std::move(collection));
}

async_generator<entry> store::query(std::string filter, std::string collection, projection select) {
    return azkv::query(impl_->client, "query", std::move(filter), std::move(collection), std::move(select));
}

} // namespace azkv
