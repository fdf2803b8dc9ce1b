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

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace azkv {

namespace detail {
class store_access;

/// Stands for the type that a value is to become. What <azkv/convert.hpp> has for it is found through it.
template <class T>
class converted_to {};
} // namespace detail

/// Is told how far a `put_all` is: how many of its keys are written, of how many. With g++ 12 a lambda with
/// captures must be named before the statement that awaits.
using put_all_progress = std::function<void(std::size_t done, std::size_t total)>;

/// A key-value store over Azure Table Storage or Azure Cosmos DB for Table.
///
/// A *collection* is a table. A *key* is a row of the store's partition (`store_options::partition`). A
/// *value* is a JSON object.
///
/// What holds for every operation:
///
/// - It starts when it is awaited, and resumes the awaiting coroutine on that coroutine's own executor.
///   `asio::co_spawn(executor, store.get("k"), token)` takes any other completion token.
/// - Its connections and its deadlines wait on the store's executor: somebody must run that one too, if it is
///   another, and keep it running (`asio::make_work_guard`). All else is done by the awaiting coroutine: one
///   that is busy takes its answer late, and may then miss its deadline.
/// - Errors: `azkv::error`. Arguments that the service could not store are refused before anything is sent.
///   Only the service's own answer to what was asked for is believed: any other, such as a proxy's page or
///   the entity of another key, is errc::bad_response, and leaves open what became of a write, unless its
///   status is a 4xx other than 408: that counts as a refusal, whoever sent it.
/// - Cancellation: terminal, through Asio's cancellation slots. The operation completes within milliseconds
///   with `asio::error::operation_aborted` and closes the connection in use. A write that was under way may
///   or may not have been applied. Partial and total cancellation are ignored, also in a coroutine that
///   enabled them. As everywhere in Asio, a signal must be emitted, and `||` and `&&` of
///   `asio::experimental::awaitable_operators` be used, where the coroutine runs and nothing else does: on
///   its strand, or on a context that one thread runs.
/// - Retries: 408, 500, 502, 503, 504 and lost connections, as the options say; 429 and 503 `ServerBusy`
///   when their turn comes, until the deadline; all of them also when the service hides them in its answer to
///   a transaction; a write to a table that is being deleted, until it is gone.
///   All operations may be repeated without harm. A write that was given up for lost may reach the service
///   late, even after the next write of the same key: `error::outcome_unknown` tells of such.
/// - Thread safety: any number of threads and coroutines may use one store, and copies of it, at once.
/// - Lifetimes: an operation keeps what it needs; the store may be moved or destroyed meanwhile. (A store
///   that was moved from can only be assigned to or destroyed.) Like any
///   Asio object, the last copy, and the last generator, must go before the execution context of its executor
///   does.
///
/// - Processes: in a forked child a store fails with errc::forked until its execution context was told:
///   `notify_fork(fork_child)`. Until then the child must not even run the context, which would take the
///   parent's events and timers. Afterwards both processes may go on with it, over connections of their own;
///   operations that were under way continue in both. No other thread may have been using it at the fork.
///
/// The store has no thread, except one for each host name that is being looked up, and, unless it may read
/// ahead (`store_options::read_ahead`), no background task: `io_context::run()` returns after the last
/// operation, whatever hangs in a look-up.
/// Idle connections stay open, and are checked when the next operation needs one.
class AZKV_DECL store {
public:
    using executor_type = asio::any_io_executor;

    /// The connection string of an Azure storage account, of a Cosmos DB for Table account, or
    /// `UseDevelopmentStorage=true` for Azurite on its usual port. With a key or with a shared access
    /// signature. Names of settings are case-insensitive; blanks and line ends around names and texts do not
    /// count. Unknown settings are ignored, unless their name is nearly a known one. Throws `azkv::error`:
    /// errc::invalid_connection_string, which names the setting at fault and repeats no value;
    /// errc::insecure_transport if the endpoint is plain HTTP to another machine
    /// (`store_options::allow_plain_http`); errc::invalid_argument for what the options have that does not go
    /// with it.
    /// (https://learn.microsoft.com/azure/storage/common/storage-configure-connection-string)
    static store from_connection_string(asio::any_io_executor executor, std::string_view connection_string,
                                        store_options options = {});

    /// The same; null, as `getenv` returns it, is errc::invalid_connection_string, too.
    static store from_connection_string(asio::any_io_executor executor, const char* connection_string,
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
    /// 4 MiB (2 MB in cosmos mode), several at the same time (`store_options::max_transactions`). Each
    /// transaction is atomic; all of them together are not. Of several pairs with one key the last wins. All
    /// pairs are checked before the first is sent. `progress` is called after each transaction, on the
    /// caller's executor, by one thread at a time; what it throws ends the call, when the transactions that
    /// are under way have ended.
    ///
    /// Errors: when a transaction fails the others go on, unless the credentials are at fault, the store was
    /// closed or too many calls wait (errc::overloaded): then no other is begun. At the end
    /// `azkv::put_all_error` names each key that was not written; `error::key()` is one that made its
    /// transaction fail, if the service told. What is wrong with an argument is an `azkv::error`, and nothing
    /// was sent. Cancellation: transactions that are under way may or may not be applied, no other is begun;
    /// which ones is not told, nor when `progress` throws.
    /// (https://learn.microsoft.com/rest/api/storageservices/performing-entity-group-transactions)
    asio::awaitable<void> put_all(std::vector<std::pair<std::string, value>> pairs,
                                  std::string collection = default_collection, std::size_t batch_size = 100,
                                  put_all_progress progress = {});

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

    /// Removes `key`. Whether it was there. Absent table: false. When the answer to an attempt was lost, or
    /// was 408 or 5xx except 501, and the next attempt finds no such key, the result is true, although the
    /// key may never have been there: the two cannot be told apart.
    asio::awaitable<bool> erase(std::string key, std::string collection = default_collection);

    /// The rows that match `filter`, an OData expression passed to the service as it is, over the whole
    /// table: add `PartitionKey eq '...'` to stay in one partition. An empty filter matches every row. Pages
    /// are fetched as they are asked for, or one page before (`store_options::read_ahead`); nothing is sent
    /// before the first `next()`. Absent table: empty; a table that goes away between two pages is
    /// errc::not_found or errc::conflict. After an error or a cancellation the next call asks for the same
    /// page again.
    /// (https://learn.microsoft.com/rest/api/storageservices/querying-tables-and-entities)
    async_generator<entry> query(std::string filter, std::string collection = default_collection,
                                 projection select = {});

    // Views: the same store with another setting for its calls. A view shares everything else with the store,
    // such as connections, tokens, retry budget and observer, and `close` closes them all. It is cheap to
    // create (less than 1 KB and 1 us), may outlive the store, and can be viewed in turn:
    // `db.in_partition("tenant-7").with_timeout(300ms)`.

    /// The store in another partition. Throws `azkv::error` (errc::invalid_argument) for one that the service
    /// cannot hold.
    [[nodiscard]] store in_partition(std::string_view partition) const;

    /// The store with another `store_options::timeout`: for a whole call, with its retries; for each page of
    /// `get_all` and `query`; for each transaction of `put_all`. Throws `azkv::error`
    /// (errc::invalid_argument) unless it is from 1 ms to a year.
    [[nodiscard]] store with_timeout(std::chrono::milliseconds timeout) const;

    /// The store with another `store_options::max_attempts`. Throws `azkv::error` (errc::invalid_argument) if
    /// that is less than 1.
    [[nodiscard]] store with_max_attempts(int attempts) const;

    /// The store whose operations are part of a trace of the caller's: their requests carry these headers.
    /// Throws `azkv::error` (errc::invalid_argument) if `traceparent` is not valid or longer than 256
    /// characters. A `tracestate` that is not valid, or longer than 2,048, is left out.
    /// (https://www.w3.org/TR/trace-context/)
    [[nodiscard]] store with_traceparent(std::string_view traceparent,
                                         std::string_view tracestate = {}) const;

    /// Closes the store and all its copies: from now on operations fail with errc::closed. Those that are
    /// under way, generators only inside `next()` or reading ahead, may go on until `limit` has passed; then
    /// they end with errc::closed, too, for which another second is allowed. Zero ends them at once. Result:
    /// whether none had to be ended. When it is done the connections are closed, and the observer is told no
    /// more but of operations that are refused. May be called more than once, but not from inside one of the
    /// store's operations, which it would wait for. Without it a store is closed when its last copy and the
    /// last operation go.
    ///
    /// Errors: errc::invalid_argument if the limit is not from 0 to a year. Cancellation: the wait ends; the
    /// store takes no operations any more.
    asio::awaitable<bool> close(std::chrono::milliseconds limit = std::chrono::seconds(30));

private:
    friend class detail::store_access;
    class implementation;

    explicit store(std::shared_ptr<implementation>);

    std::shared_ptr<implementation> impl_;
};

} // namespace azkv
