#pragma once

#include <azkv/async_generator.hpp>
#include <azkv/config.hpp>
#include <azkv/credential.hpp>
#include <azkv/entry.hpp>
#include <azkv/error.hpp>
#include <azkv/etag.hpp>
#include <azkv/options.hpp>
#include <azkv/projection.hpp>
#include <azkv/value.hpp>
#include <azkv/write_result.hpp>

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

/// Tag type through which argument-dependent lookup finds the conversions in <azkv/convert.hpp>.
template <class T>
class converted_to {};
} // namespace detail

/// Progress callback of `put_all`: keys written so far, and keys in total. With g++ 12, create a capturing
/// lambda in a statement before the one that awaits.
using put_all_progress = std::function<void(std::size_t done, std::size_t total)>;

/// Changes a value in place; nullopt: the key is absent, before or afterwards. It may be called several
/// times, and must not block.
using change_function = std::function<void(std::optional<value>&)>;

/// A key-value store on Azure Table Storage or Azure Cosmos DB for Table.
///
/// A *collection* is a table. A *key* is a row of the store's partition (`store_options::partition`). A
/// *value* is a JSON object.
///
/// For every operation:
///
/// - Execution: it starts when it is awaited, and resumes the awaiting coroutine on that coroutine's own
///   executor. `asio::co_spawn(executor, store.get("k"), token)` accepts any other completion token.
/// - Executors: its connections and deadlines wait on the store's executor. If that belongs to a different
///   context, run that context too, and keep it running (`asio::make_work_guard`). Everything else runs in
///   the awaiting coroutine. If that coroutine's executor is busy, it sees the response late and may miss the
///   deadline.
/// - Throws: `azkv::error`. Arguments that the service could not store are refused before anything is sent.
///   Only the service's own response to the request is accepted. Any other, such as a proxy's page or the
///   entity of another key, is errc::bad_response. After it, a write may or may not have been applied, unless
///   the status is a 4xx other than 408: that counts as a refusal, whether it came from the service or an
///   intermediary.
/// - Cancellation: terminal, through Asio's cancellation slots. The operation completes within milliseconds
///   with `asio::error::operation_aborted`, and closes the connection in use. A write in flight may or may
///   not have been applied. Partial and total cancellation are ignored, even in a coroutine that enabled
///   them. As everywhere in Asio, emit a signal, and use `||` and `&&` of
///   `asio::experimental::awaitable_operators`, only where nothing else runs the coroutine at the same time:
///   on its strand, or on a context that one thread runs.
/// - Retries: responses 408, 500, 502, 503, 504 and lost connections are retried within the limits of the
///   options. Throttled requests (429, 503 `ServerBusy`) are retried when their turn comes, until the
///   deadline. Both rules also apply inside the response to a transaction. A write to a table that is being
///   deleted is retried until the deletion is complete or the deadline passes.
///   A write that azkv has given up on may still reach the service later, even after the next write of the
///   same key; `error::outcome_unknown` reports such a write.
/// - Thread safety: any number of threads and coroutines may use one store, and copies of it, at once.
/// - Lifetime: an operation keeps what it needs alive; the store may be moved or destroyed meanwhile. A
///   moved-from store can only be assigned to or destroyed. As with any Asio object, destroy all copies and
///   generators before the executor's execution context. Exception: those held by coroutines suspended on
///   that context, which are destroyed with it.
/// - Processes: in a forked child a store fails with errc::forked until its execution context has been
///   notified: `notify_fork(fork_child)`. Until then the child must not run the context either, since it
///   would take the parent's events and timers. Afterwards both processes may continue to use the store, each
///   over its own connections. Operations in flight continue in both; conditional writes in the parent only,
///   and fail with errc::forked in the child. No other thread may have been using the
///   store at the fork.
///
/// The store has no threads, except one for each host name being looked up. Unless it reads ahead
/// (`store_options::read_ahead`) it has no background tasks: `io_context::run()` returns after the last
/// operation, even if a look-up hangs. Idle connections stay open, and are checked when the next operation
/// needs one.
class AZKV_DECL store {
public:
    using executor_type = asio::any_io_executor;

    /// Creates a store from a connection string: that of an Azure storage account or a Cosmos DB for Table
    /// account, with a key or a shared access signature, or `UseDevelopmentStorage=true` for Azurite on its
    /// usual port. Names of settings are case-insensitive. Blanks and line ends around names and values are
    /// ignored. So are unknown settings, except if the name looks like a misspelt one.
    ///
    /// Throws: `azkv::error` with errc::invalid_connection_string, whose message names the invalid setting
    /// and contains no value; with errc::insecure_transport if the endpoint is plain HTTP to another machine
    /// (`store_options::allow_plain_http`); with errc::invalid_argument if an option conflicts with it.
    /// (https://learn.microsoft.com/azure/storage/common/storage-configure-connection-string)
    static store from_connection_string(asio::any_io_executor executor, std::string_view connection_string,
                                        store_options options = {});

    /// The same for a C string. A null pointer, which `getenv` may return, is
    /// errc::invalid_connection_string.
    static store from_connection_string(asio::any_io_executor executor, const char* connection_string,
                                        store_options options = {});

    /// Creates a store for a storage account in the public cloud, or in cosmos mode for a Cosmos DB account,
    /// from its name and its key.
    static store from_account_and_key(asio::any_io_executor executor, std::string account, secret key,
                                      store_options options = {});

    /// Creates a store for any endpoint, with a shared access signature (`credential::sas`).
    static store from_sas_token(asio::any_io_executor executor, std::string endpoint, secret sas,
                                store_options options = {});

    /// Creates a store for a storage account in the public cloud, or in cosmos mode for a Cosmos DB account,
    /// that uses the default credential (`default_credential`). Despite its name it takes no id; the name is
    /// that of LlamaIndex's `AzureKVStore`. Token requests use the trusted CAs, the minimum TLS version and
    /// the proxy of `options`. They go to the authority of the endpoint's cloud unless
    /// `AZURE_AUTHORITY_HOST` names another.
    static store from_account_and_id(asio::any_io_executor executor, std::string account,
                                     store_options options = {});

    /// The same for any endpoint. Despite its name it takes no token; the name is that of LlamaIndex's
    /// `AzureKVStore`, and says AAD (Azure Active Directory) for what is now called Microsoft Entra ID.
    static store from_aad_token(asio::any_io_executor executor, std::string endpoint,
                                store_options options = {});

    /// Creates a store for any endpoint, such as `https://acct.table.core.windows.net` or
    /// `http://127.0.0.1:10002/acct`.
    store(asio::any_io_executor executor, std::string endpoint, credential credential,
          store_options options = {});

    /// Returns the store's executor.
    executor_type get_executor() const;

    /// Stores `v` under `key`, replacing any existing value (an unconditional upsert). Creates the table if
    /// it does not exist. Returns the version that was written.
    /// (https://learn.microsoft.com/rest/api/storageservices/insert-or-replace-entity)
    asio::awaitable<etag> put(std::string key, value v, std::string collection = default_collection);

    /// Stores an entry, replacing any existing value, in the entry's own partition. Members keep their
    /// `entry::edm_type`. Throws errc::invalid_argument if it is `entry::partial`.
    asio::awaitable<etag> put(entry e, std::string collection = default_collection);

    /// Stores many pairs in entity group transactions of at most `batch_size` (1 to 100) operations and 4 MiB
    /// (2 MB in cosmos mode), several at the same time (`store_options::max_transactions`). Each transaction
    /// is atomic; all of them together are not. If several pairs have the same key, the last one wins.
    /// Creates the table if it does not exist. All pairs are checked before the first is sent. `progress` is
    /// called after each transaction, on the caller's executor, by one thread at a time. If it throws, so
    /// does the call, after the transactions in flight have ended.
    ///
    /// - Throws: `azkv::put_all_error` if a transaction failed; it lists the keys that were not, or may not
    ///   have been, written. Its `key()` is one that made its transaction fail, if the service named it. The
    ///   other transactions continue, but if the credentials were rejected, the store was closed or too many
    ///   calls are waiting (errc::overloaded), no further one is begun. Throws another `azkv::error` for an
    ///   invalid argument; nothing was sent then.
    /// - Cancellation: each transaction in flight may or may not be applied, and no further one is begun. The
    ///   call does not report which were applied. The same holds if `progress` throws.
    /// (https://learn.microsoft.com/rest/api/storageservices/performing-entity-group-transactions)
    asio::awaitable<void> put_all(std::vector<std::pair<std::string, value>> pairs,
                                  std::string collection = default_collection, std::size_t batch_size = 100,
                                  put_all_progress progress = {});

    /// Returns the value of `key`, or those members of it that `select` names. Returns nullopt if the key or
    /// the table does not exist.
    asio::awaitable<std::optional<value>> get(std::string key, std::string collection = default_collection,
                                              projection select = {});

    /// Returns the row of `key`: its value, or those members of it that `select` names, its version, and when
    /// it was written. Always asks the primary endpoint (`store_options::secondary_reads`). Returns nullopt
    /// if the key or the table does not exist.
    asio::awaitable<std::optional<entry>>
    get_entry(std::string key, std::string collection = default_collection, projection select = {});

    /// Returns the value of `key` as a `T`, such as a struct described with Boost.Describe. Returns nullopt
    /// if the key or the table does not exist. Requires <azkv/convert.hpp>, which also has the reverse,
    /// `to_value`.
    ///
    /// Throws: what `get` throws; errc::type_mismatch if the value does not fit, with a message that names
    /// the member: `get_as "17" in "orders": member "lines[2].price" is a string, not a number`.
    template <class T>
    asio::awaitable<std::optional<T>> get_as(std::string key, std::string collection = default_collection) {
        static_assert(
            requires { has_conversions(detail::converted_to<T>()); },
            "get_as needs #include <azkv/convert.hpp>");
        return get_converted(detail::converted_to<T>(), *this, std::move(key), std::move(collection));
    }

    /// Returns all keys of the store's partition with their values; no keys if the table does not exist.
    asio::awaitable<std::map<std::string, value>> get_all(std::string collection = default_collection,
                                                          projection select = {});

    /// Removes `key`. Returns true if it existed, false if the key or the table does not exist.
    ///
    /// Retries: if the response to an attempt was lost, or was 408 or 5xx except 501, and the next attempt
    /// does not find the key, the result is true, although the key may never have existed. The two cases
    /// cannot be distinguished.
    asio::awaitable<bool> erase(std::string key, std::string collection = default_collection);

    // Conditional writes. Their result says whether they were made; a condition that is not met is no error.
    //
    // After a lost response the row is read, which tells what became of the write: these operations leave a
    // mark in it (`store_options::write_ids`). None reports success without having been applied, and none
    // reports a conflict if it may have been applied itself. If that cannot be decided, for example because
    // the row is gone, it fails with an error whose `outcome_unknown()` is true.

    /// Stores `v` under `key` if the key does not exist: conflict::exists otherwise. Creates the table if it
    /// does not exist.
    ///
    /// It is made exactly once as long as nobody erases the key during the call and for 30 seconds after it,
    /// the longest time that the service takes for a request; otherwise it may be made twice, or late.
    /// (https://learn.microsoft.com/rest/api/storageservices/insert-entity)
    asio::awaitable<write_result> insert(std::string key, value v,
                                         std::string collection = default_collection);

    /// Replaces the value of `key` if the row has this version: conflict::changed if it has another one,
    /// conflict::gone if there is none. Does not create the table.
    ///
    /// Throws: errc::invalid_argument if the version is empty, or is no ETag.
    /// (https://learn.microsoft.com/rest/api/storageservices/update-entity2)
    asio::awaitable<write_result> replace(std::string key, value v, etag version,
                                          std::string collection = default_collection);

    /// Writes an entry back that was read and changed: replaces its row, in the entry's own partition, if
    /// that has the entry's version. Members keep their `entry::edm_type`.
    ///
    /// Throws: errc::invalid_argument if the entry has no version, or is `entry::partial`.
    asio::awaitable<write_result> replace(entry e, std::string collection = default_collection);

    /// Removes `key` if its row has this version: conflict::changed if it has another one, conflict::gone if
    /// there is none. An erasure leaves no mark, so if its response is lost and the row is gone, the outcome
    /// is unknown. To claim a row, `replace` it with who claims it, and erase it when done.
    ///
    /// Throws: errc::invalid_argument if the version is empty, or is no ETag.
    /// (https://learn.microsoft.com/rest/api/storageservices/delete-entity1)
    asio::awaitable<write_result> erase(std::string key, etag version,
                                        std::string collection = default_collection);

    /// Removes the row of an entry if it has the entry's version.
    asio::awaitable<write_result> erase(entry e, std::string collection = default_collection);

    /// Reads the value of `key`, has `change` change it, and writes it on condition that no other writer was
    /// faster; otherwise again, after a random pause. So every change is made to the newest value. Returns
    /// the value that is stored in the end; nullopt: none. A value that `change` leaves as it was is not
    /// written; nullopt erases the key. Creates the table if it does not exist. Updates of one key through
    /// one store and its copies wait for each other.
    ///
    /// A key that is absent is inserted, which is made exactly once only as long as nobody erases it (see
    /// `insert`): set a counter to 0 rather than erase it.
    ///
    /// - Throws: errc::contended if others were faster until the deadline; nothing was written.
    /// errc::timed_out
    ///   if it waited for other updates until then. What `change` throws passes through; nothing was written.
    ///   If it erases the key, its outcome may remain unknown (see `erase`).
    /// - With g++ 12, create a capturing lambda in a statement before the one that awaits.
    asio::awaitable<std::optional<value>> update(std::string key, change_function change,
                                                 std::string collection = default_collection);

    /// The same for a `T`, such as a struct described with Boost.Describe. Requires <azkv/convert.hpp>.
    ///
    /// Throws: what `update` throws; errc::type_mismatch if the value does not fit.
    template <class T>
    asio::awaitable<std::optional<T>> update_as(std::string key,
                                                std::function<void(std::optional<T>&)> change,
                                                std::string collection = default_collection) {
        static_assert(
            requires { has_conversions(detail::converted_to<T>()); },
            "update_as needs #include <azkv/convert.hpp>");
        return update_converted(detail::converted_to<T>(), *this, std::move(key), std::move(change),
                                std::move(collection));
    }

    /// Returns the rows of the whole table that match `filter`, an OData expression that is passed to the
    /// service unchanged. Add `PartitionKey eq '...'` to stay in one partition. An empty filter matches every
    /// row. Quote untrusted strings with `azkv::filter_text`. Pages are fetched on demand, or one page ahead
    /// (`store_options::read_ahead`); nothing is sent before the first `next()`. The sequence is empty if the
    /// table does not exist.
    ///
    /// Throws, from `next()`: errc::not_found or errc::conflict if the table is deleted between two pages.
    /// After an error or a cancellation the next call requests the same page again.
    /// (https://learn.microsoft.com/rest/api/storageservices/querying-tables-and-entities)
    async_generator<entry> query(std::string filter, std::string collection = default_collection,
                                 projection select = {});

    // Views: the same store with another setting for its calls. A view shares everything else with the store,
    // such as connections, tokens, retry budget and observer. Closing one of them closes them all. A view
    // costs less than 1 KB and 1 us, may outlive the store, and can itself have views:
    // `db.in_partition("tenant-7").with_timeout(300ms)`.

    /// Returns the same store for the keys of another partition.
    ///
    /// Throws: `azkv::error` (errc::invalid_argument, or errc::too_large) if the service cannot hold such a
    /// partition key.
    [[nodiscard]] store in_partition(std::string_view partition) const;

    /// Returns the same store with another `store_options::timeout`: for a call with all its retries; for
    /// each page of `get_all` and `query`; for each transaction of `put_all`. With a token credential, make
    /// the first call with the default timeout: if no call waits as long as a login takes, no token is ever
    /// obtained.
    ///
    /// Throws: `azkv::error` (errc::invalid_argument) unless it is from 1 ms to a year.
    [[nodiscard]] store with_timeout(std::chrono::milliseconds timeout) const;

    /// Returns the same store with another `store_options::max_attempts`.
    ///
    /// Throws: `azkv::error` (errc::invalid_argument) if it is less than 1.
    [[nodiscard]] store with_max_attempts(int attempts) const;

    /// Returns the same store with the caller's trace: the requests of its operations carry these headers. An
    /// invalid `tracestate`, or one longer than 2,048 characters, is omitted.
    ///
    /// Throws: `azkv::error` (errc::invalid_argument) if `traceparent` is invalid, or longer than 256
    /// characters.
    /// (https://www.w3.org/TR/trace-context/)
    [[nodiscard]] store with_traceparent(std::string_view traceparent,
                                         std::string_view tracestate = {}) const;

    /// Closes the store and all its copies: further operations fail with errc::closed. Operations in flight
    /// (for a generator: a pending `next()` or read-ahead) may finish within `limit`. The rest are aborted
    /// with errc::closed, which may take one more second. Zero aborts them at once. Returns true if nothing
    /// had to be aborted. Afterwards the connections are closed, and the observer hears only of operations
    /// that are refused. May be called more than once, but not from one of the store's own operations, which
    /// it would wait for. Without this call a store closes when its last copy and its last operation are
    /// gone.
    ///
    /// - Throws: errc::invalid_argument if `limit` is not from 0 to a year.
    /// - Cancellation: the wait ends; the store remains closed to operations.
    asio::awaitable<bool> close(std::chrono::milliseconds limit = std::chrono::seconds(30));

private:
    friend class detail::store_access;
    class implementation;

    explicit store(std::shared_ptr<implementation>);

    std::shared_ptr<implementation> impl_;
};

} // namespace azkv
