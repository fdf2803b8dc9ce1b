#pragma once

#include <azkv/async_generator.hpp>
#include <azkv/config.hpp>
#include <azkv/credential.hpp>
#include <azkv/entry.hpp>
#include <azkv/error.hpp>
#include <azkv/options.hpp>
#include <azkv/projection.hpp>
#include <azkv/value.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace azkv {

class account;

namespace detail {
class store_access;

/// Stands for the type that a value is to become. What <azkv/convert.hpp> has for it is found through it.
template <class T>
class converted_to {};
} // namespace detail

/// A key-value store over Azure Table Storage or Azure Cosmos DB for Table.
///
/// A *collection* is a table. A *key* is a row of the store's partition (`store_options::partition`). A
/// *value* is a JSON object.
///
/// What holds for every operation:
///
/// - It starts when it is awaited, and resumes the awaiting coroutine on that coroutine's own executor.
///   `asio::co_spawn(executor, store.get("k"), token)` takes any other completion token.
/// - Its work, with its deadlines, is done on the store's executor: somebody must run that one too, if it is
///   another.
/// - Errors: `azkv::error`. Arguments that the service could not store are refused before anything is sent.
/// - Cancellation: terminal, through Asio's cancellation slots. It completes within milliseconds with
///   `asio::error::operation_aborted` and closes the connection in use. A write that was under way may or
///   may not have been applied.
/// - Retries: 408, 429, 500, 502, 503, 504 and lost connections, as the options say. All operations may be
///   repeated without harm.
/// - Thread safety: any number of threads and coroutines may use one store, and copies of it, at once.
/// - Lifetimes: an operation keeps what it needs; the store may be moved or destroyed meanwhile. (A store
///   that was moved from can only be assigned to or destroyed.) Like any
///   Asio object, the last copy must go before the execution context of its executor does.
///
/// The store has no thread and no background task: `io_context::run()` returns after the last operation.
/// Idle connections stay open, and are checked when the next operation needs one.
class AZKV_DECL store {
public:
    using executor_type = asio::any_io_executor;

    /// The connection string of an Azure storage account, of a Cosmos DB for Table account, or
    /// `UseDevelopmentStorage=true` for Azurite on its usual port. With a key or with a shared access
    /// signature. Throws `azkv::error` (errc::invalid_connection_string) that names the setting at fault.
    /// (https://learn.microsoft.com/azure/storage/common/storage-configure-connection-string)
    static store from_connection_string(asio::any_io_executor executor, std::string_view connection_string,
                                        store_options options = {});

    /// A storage account in the public cloud, or in cosmos mode a Cosmos account: its name and its key.
    static store from_account_and_key(asio::any_io_executor executor, std::string account, secret key,
                                      store_options options = {});

    /// Any endpoint, with a shared access signature: `credential::sas`.
    static store from_sas_token(asio::any_io_executor executor, std::string endpoint, secret sas,
                                store_options options = {});

    /// A storage account in the public cloud, or in cosmos mode a Cosmos account, with the default identity:
    /// `default_credential`. Its requests for tokens trust whom the options trust, go through their proxy,
    /// and go to the authority of the endpoint's cloud unless `AZURE_AUTHORITY_HOST` names another.
    static store from_account_and_id(asio::any_io_executor executor, std::string account,
                                     store_options options = {});

    /// The same for any endpoint.
    static store from_aad_token(asio::any_io_executor executor, std::string endpoint,
                                store_options options = {});

    /// Any endpoint, such as `https://acct.table.core.windows.net` or `http://127.0.0.1:10002/acct`.
    store(asio::any_io_executor executor, std::string endpoint, credential credential,
          store_options options = {});

    executor_type get_executor() const;

    /// Stores `v` under `key`, replacing what was there (an unconditional upsert). Creates the table if the
    /// service says that there is none.
    /// (https://learn.microsoft.com/rest/api/storageservices/insert-or-replace-entity)
    asio::awaitable<void> put(std::string key, value v, std::string collection = default_collection);

    /// Stores many pairs, in entity group transactions of at most `batch_size` (1 to 100) operations and
    /// 4 MiB (2 MB in cosmos mode). Each transaction is atomic; all of them together are not. Of several
    /// pairs with one key the last wins. All pairs are checked before the first is sent.
    ///
    /// Errors: the transactions are sent in the order of the pairs; the first that fails ends the call, and
    /// `error::key()` is the key that made it fail. Earlier transactions stay written.
    /// (https://learn.microsoft.com/rest/api/storageservices/performing-entity-group-transactions)
    asio::awaitable<void> put_all(std::vector<std::pair<std::string, value>> pairs,
                                  std::string collection = default_collection, std::size_t batch_size = 100);

    /// The value of `key`, or those members of it that `select` names. Absent key, absent table: nullopt.
    asio::awaitable<std::optional<value>> get(std::string key, std::string collection = default_collection,
                                              projection select = {});

    /// The value of `key` as a `T`, such as a struct that is described with Boost.Describe. Needs
    /// <azkv/convert.hpp>, which has the reverse, `to_value`, as well. Absent key, absent table: nullopt.
    ///
    /// Errors: those of `get`. A value that does not fit is errc::type_mismatch, and the message names the
    /// member: `get_as "17" in "orders": member "lines[2].price" is a string, not a number`.
    template <class T>
    asio::awaitable<std::optional<T>> get_as(std::string key, std::string collection = default_collection) {
        static_assert(
            requires { has_conversions(detail::converted_to<T>()); },
            "get_as needs #include <azkv/convert.hpp>");
        return get_converted(detail::converted_to<T>(), *this, std::move(key), std::move(collection));
    }

    /// All keys of the store's partition, with their values. Absent table: empty.
    asio::awaitable<std::map<std::string, value>> get_all(std::string collection = default_collection,
                                                          projection select = {});

    /// Removes `key`. Whether it was there. Absent table: false. When the answer to an attempt was lost and
    /// the next one finds no such key, the result is true, although the key may never have been there: the
    /// two cannot be told apart.
    asio::awaitable<bool> erase(std::string key, std::string collection = default_collection);

    /// The rows that match `filter`, an OData expression passed to the service as it is, over the whole
    /// table: add `PartitionKey eq '...'` to stay in one partition. An empty filter matches every row. Pages
    /// are fetched as they are asked for; nothing is sent before the first `next()`. Absent table: empty.
    /// (https://learn.microsoft.com/rest/api/storageservices/querying-tables-and-entities)
    async_generator<entry> query(std::string filter, std::string collection = default_collection,
                                 projection select = {});

private:
    friend class detail::store_access;
    class implementation;

    explicit store(std::shared_ptr<implementation>);

    std::shared_ptr<implementation> impl_;
};

} // namespace azkv
