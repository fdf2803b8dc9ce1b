#pragma once

#include <azkv/config.hpp>
#include <azkv/store.hpp>

#include <chrono>
#include <cstddef>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace azkv {

/// The rows of a blocking query: a single-pass C++20 input range of `entry`. Each page is fetched when the
/// iteration reaches it. The range may outlive its store.
///
/// Throws: `begin()` and `++` throw what `store::query` throws. The iterator then keeps its position, and
/// another `++` requests the same page again.
class AZKV_DECL blocking_query {
public:
    class iterator {
    public:
        using iterator_concept = std::input_iterator_tag;
        using value_type = entry;
        using difference_type = std::ptrdiff_t;

        iterator() {}

        entry& operator*() const noexcept { return *at_; }

        entry* operator->() const noexcept { return at_; }

        iterator& operator++() {
            at_ = owner_->advance();
            return *this;
        }

        void operator++(int) { ++*this; }

        friend bool operator==(const iterator& i, std::default_sentinel_t) noexcept { return !i.at_; }

    private:
        friend class blocking_query;

        explicit iterator(blocking_query* owner) : owner_(owner), at_(owner->advance()) {}

        blocking_query* owner_ = nullptr;
        entry* at_ = nullptr;
    };

    blocking_query(blocking_query&&) noexcept;
    blocking_query& operator=(blocking_query&&) noexcept;
    ~blocking_query();

    /// Returns an iterator at the first row. Call it once, and do not move the range while iterating.
    iterator begin() { return iterator(this); }

    std::default_sentinel_t end() const noexcept { return {}; }

private:
    friend class blocking_store;
    class state;
    explicit blocking_query(std::unique_ptr<state>);

    entry* advance(); // the next row, or null at the end

    std::unique_ptr<state> state_;
};

/// `azkv::store` for programs without an executor: the same operations with the same results and errors. Each
/// one blocks the calling thread until it is done.
///
/// A call runs its own `io_context` on the calling thread; there is no background thread. A call from inside
/// a running coroutine blocks that thread, and nothing else.
///
/// Thread safety: any number of threads may call one object at once. Each call uses one connection, a
/// `put_all` several; connections are kept for reuse between calls.
///
/// Processes: after `fork` both processes may continue to use the store, whatever other threads were doing
/// with this library at the fork. The child opens its own connections and requests its own tokens. If the
/// child is to use TLS, no other thread may have been using OpenSSL outside this library at the fork: an
/// OpenSSL lock that was held then stays held in the child. A query that the parent began fails in the child
/// with errc::forked. A store that was closed before the fork is closed in the child, too.
class AZKV_DECL blocking_store {
public:
    /// See `store::from_connection_string`.
    static blocking_store from_connection_string(std::string_view connection_string,
                                                 store_options options = {});
    static blocking_store from_connection_string(const char* connection_string, store_options options = {});

    /// See `store::from_account_and_key`.
    static blocking_store from_account_and_key(std::string account, secret key, store_options options = {});

    /// See `store::from_sas_token`.
    static blocking_store from_sas_token(std::string endpoint, secret sas, store_options options = {});

    /// See `store::from_account_and_id`, also for its name.
    static blocking_store from_account_and_id(std::string account, store_options options = {});

    /// See `store::from_aad_token`, also for its name.
    static blocking_store from_aad_token(std::string endpoint, store_options options = {});

    /// Creates a store for any endpoint, such as `https://acct.table.core.windows.net`.
    blocking_store(std::string endpoint, credential credential, store_options options = {});

    blocking_store(blocking_store&&) noexcept;
    blocking_store& operator=(blocking_store&&) noexcept;
    ~blocking_store();

    /// See `store::put`.
    etag put(std::string key, value v, std::string collection = default_collection);
    etag put(entry e, std::string collection = default_collection);

    /// See `store::put_all`. Calls `progress` on the calling thread.
    void put_all(std::vector<std::pair<std::string, value>> pairs,
                 std::string collection = default_collection, std::size_t batch_size = 100,
                 put_all_progress progress = {});

    /// See `store::get`.
    [[nodiscard]] std::optional<value> get(std::string key, std::string collection = default_collection,
                                           projection select = {});

    /// See `store::get_entry`.
    [[nodiscard]] std::optional<entry> get_entry(std::string key, std::string collection = default_collection,
                                                 projection select = {});

    /// See `store::get_as`. Requires <azkv/convert.hpp>, too.
    template <class T>
    [[nodiscard]] std::optional<T> get_as(std::string key, std::string collection = default_collection) {
        static_assert(
            requires { has_conversions(detail::converted_to<T>()); },
            "get_as needs #include <azkv/convert.hpp>");
        return get_converted(detail::converted_to<T>(), *this, key, collection);
    }

    /// See `store::get_all`.
    [[nodiscard]] std::map<std::string, value> get_all(std::string collection = default_collection,
                                                       projection select = {});

    /// See `store::erase`.
    bool erase(std::string key, std::string collection = default_collection);

    /// See `store::insert`.
    write_result insert(std::string key, value v, std::string collection = default_collection);

    /// See `store::replace`.
    write_result replace(std::string key, value v, etag version, std::string collection = default_collection);
    write_result replace(entry e, std::string collection = default_collection);

    /// See `store::update`. Calls `change` on the calling thread.
    std::optional<value> update(std::string key, change_function change,
                                std::string collection = default_collection);

    /// See `store::update_as`. Requires <azkv/convert.hpp>, too.
    template <class T>
    std::optional<T> update_as(std::string key, std::function<void(std::optional<T>&)> change,
                               std::string collection = default_collection) {
        static_assert(
            requires { has_conversions(detail::converted_to<T>()); },
            "update_as needs #include <azkv/convert.hpp>");
        return update_converted(detail::converted_to<T>(), *this, key, std::move(change), collection);
    }

    /// See `store::erase`.
    write_result erase(std::string key, etag version, std::string collection = default_collection);
    write_result erase(entry e, std::string collection = default_collection);

    /// See `store::query`: `for (auto& e : db.query("age ge 21")) ...`. The range holds one connection while
    /// it lives; other calls, also inside the loop, use other connections.
    [[nodiscard]] blocking_query query(std::string filter, std::string collection = default_collection,
                                       projection select = {});

    // Views. The results share the connections, and may outlive this object.

    /// See `store::in_partition`.
    [[nodiscard]] blocking_store in_partition(std::string_view partition) const;

    /// See `store::with_timeout`.
    [[nodiscard]] blocking_store with_timeout(std::chrono::milliseconds timeout) const;

    /// See `store::with_max_attempts`.
    [[nodiscard]] blocking_store with_max_attempts(int attempts) const;

    /// See `store::with_traceparent`.
    [[nodiscard]] blocking_store with_traceparent(std::string_view traceparent,
                                                  std::string_view tracestate = {}) const;

    /// See `store::close`. Applies also to calls on other threads, and to all views.
    bool close(std::chrono::milliseconds limit = std::chrono::seconds(30));

private:
    friend class blocking_query;
    class implementation;
    explicit blocking_store(std::shared_ptr<implementation>);

    std::shared_ptr<implementation> impl_;
};

} // namespace azkv
