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

/// The rows of a blocking query: a C++20 input range of `entry`, read once. Each page is fetched when the
/// iteration reaches it; `begin()` and `++` throw what `store::query` throws. After that the iterator is
/// where it was, and another `++` asks for the same page again. It may outlive its store.
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

    /// To be called once. The range must stay where it is while it is iterated.
    iterator begin() { return iterator(this); }

    std::default_sentinel_t end() const noexcept { return {}; }

private:
    friend class blocking_store;
    class state;
    explicit blocking_query(std::unique_ptr<state>);

    entry* advance(); // the next row, or null at the end

    std::unique_ptr<state> state_;
};

/// `azkv::store` for programs without an executor: the same operations with the same results and errors,
/// each of which blocks the calling thread until it is done.
///
/// A call runs an `io_context` of its own on the calling thread; there is no thread behind it. Thread safety:
/// any number of threads may call one object at once, each over a connection of its own, a `put_all` over
/// several; between calls the connections are kept for reuse. A call from inside a running coroutine blocks
/// that thread, and no more.
///
/// After `fork` both processes may go on with it, whatever other threads were doing with this library: the
/// child makes connections of its own, and asks for its own tokens. (With OpenSSL they may have been doing
/// nothing else, if it is to speak TLS: a lock of OpenSSL that is held at the fork stays so in the child.) A
/// query that the parent began fails there with errc::forked. A store that was closed before is closed in the
/// child, too.
class AZKV_DECL blocking_store {
public:
    /// As `store::from_connection_string`.
    static blocking_store from_connection_string(std::string_view connection_string,
                                                 store_options options = {});
    static blocking_store from_connection_string(const char* connection_string, store_options options = {});

    /// As `store::from_account_and_key`.
    static blocking_store from_account_and_key(std::string account, secret key, store_options options = {});

    /// As `store::from_sas_token`.
    static blocking_store from_sas_token(std::string endpoint, secret sas, store_options options = {});

    /// As `store::from_account_and_id`.
    static blocking_store from_account_and_id(std::string account, store_options options = {});

    /// As `store::from_aad_token`.
    static blocking_store from_aad_token(std::string endpoint, store_options options = {});

    blocking_store(std::string endpoint, credential credential, store_options options = {});

    blocking_store(blocking_store&&) noexcept;
    blocking_store& operator=(blocking_store&&) noexcept;
    ~blocking_store();

    void put(std::string key, value v, std::string collection = default_collection);

    /// `progress` is called on the calling thread.
    void put_all(std::vector<std::pair<std::string, value>> pairs,
                 std::string collection = default_collection, std::size_t batch_size = 100,
                 put_all_progress progress = {});

    [[nodiscard]] std::optional<value> get(std::string key, std::string collection = default_collection,
                                           projection select = {});

    /// Needs <azkv/convert.hpp>, as its twin does.
    template <class T>
    [[nodiscard]] std::optional<T> get_as(std::string key, std::string collection = default_collection) {
        static_assert(
            requires { has_conversions(detail::converted_to<T>()); },
            "get_as needs #include <azkv/convert.hpp>");
        return get_converted(detail::converted_to<T>(), *this, key, collection);
    }

    [[nodiscard]] std::map<std::string, value> get_all(std::string collection = default_collection,
                                                       projection select = {});

    bool erase(std::string key, std::string collection = default_collection);

    /// `for (auto& e : store.query("age ge 21")) ...` Holds one connection while the range lives; other
    /// calls, also inside the loop, use others.
    [[nodiscard]] blocking_query query(std::string filter, std::string collection = default_collection,
                                       projection select = {});

    // Views, as those of `store`. They share the connections, and may outlive this.

    /// As `store::in_partition`.
    [[nodiscard]] blocking_store in_partition(std::string_view partition) const;

    /// As `store::with_timeout`.
    [[nodiscard]] blocking_store with_timeout(std::chrono::milliseconds timeout) const;

    /// As `store::with_max_attempts`.
    [[nodiscard]] blocking_store with_max_attempts(int attempts) const;

    /// As `store::with_traceparent`.
    [[nodiscard]] blocking_store with_traceparent(std::string_view traceparent,
                                                  std::string_view tracestate = {}) const;

    /// As `store::close`: also for calls on other threads, and for all views.
    bool close(std::chrono::milliseconds limit = std::chrono::seconds(30));

private:
    friend class blocking_query;
    class implementation;
    explicit blocking_store(std::shared_ptr<implementation>);

    std::shared_ptr<implementation> impl_;
};

} // namespace azkv
