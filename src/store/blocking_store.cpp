#include "client/service_context.hpp"
#include "protocol/connection_string.hpp"
#include "protocol/trace_context.hpp"
#include "store/store_impl.hpp"
#include "support/per_process.hpp"
#include "support/process.hpp"

#include <azkv/blocking_store.hpp>
#include <azkv/error.hpp>
#include <azkv/store.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <chrono>
#include <exception>
#include <iterator>
#include <list>
#include <mutex>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

namespace azkv {

namespace {

using std::chrono::steady_clock;

/// A store on an execution context of its own. One thread at a time uses it.
class session {
public:
    explicit session(const std::shared_ptr<const account>& a)
        : store(detail::store_access::make(context_.get_executor(), a, false)) {}

    /// Runs one operation to its end on this thread. Should anything else end it, what is left of it is in
    /// the context and refers to this call: the session is not fit for another.
    template <class T>
    T run(asio::awaitable<T> operation) {
        require_own_process();
        if (!fit_) throw error(errc::invalid_argument, "what it did before was broken off by an exception");
        fit_ = false;
        outcome<T> o;
        if constexpr (std::is_void_v<T>) {
            asio::co_spawn(context_, std::move(operation), [&o](std::exception_ptr e) {
                o.done = true;
                o.failure = std::move(e);
            });
        } else {
            asio::co_spawn(context_, std::move(operation), [&o](std::exception_ptr e, T t) {
                o.done = true;
                o.failure = std::move(e);
                o.result = std::move(t);
            });
        }
        context_.restart();
        while (!o.done) {
            const bool idle = context_.run_one() == 0;
            if (!o.done && idle) throw error(errc::invalid_argument, "a source of tokens never completed");
            require_own_process(); // something that the operation called may have forked
        }
        // What the operation gave up, such as a program that was to give a token, is told so now, and not
        // when the next operation comes.
        if (o.failure) context_.run_for(std::chrono::milliseconds(20));
        fit_ = true;
        if (o.failure) std::rethrow_exception(o.failure);
        if constexpr (!std::is_void_v<T>) return std::move(o.result);
    }

    /// Whether it may run another operation.
    bool fit() const { return fit_; }

private:
    template <class T>
    class outcome {
    public:
        bool done = false;
        std::exception_ptr failure;
        [[no_unique_address]] std::conditional_t<std::is_void_v<T>, std::monostate, T> result{};
    };

    // In a forked child, what its context waits on is shared with the parent's.
    void require_own_process() const {
        if (process_ != support::process_number())
            throw error(errc::forked, "it was begun before this process was forked; begin it anew");
    }

    const unsigned process_ = support::process_number();
    bool fit_ = true;
    asio::io_context context_{1};

public:
    azkv::store store; // after the context that it lives on
};

/// The sessions of one process. The last used is taken first, so that one thread needs one connection.
class session_pool {
public:
    explicit session_pool(std::shared_ptr<const azkv::account> a) : account_(std::move(a)) {}

    class resting {
    public:
        explicit resting(const std::shared_ptr<const azkv::account>& a)
            : session(std::make_unique<azkv::session>(a)) {}

        std::unique_ptr<azkv::session> session;
        steady_clock::time_point since;
    };

    /// One of them.
    std::list<resting> take() {
        std::list<resting> one;
        {
            const std::lock_guard lock(mutex_);
            if (!free_.empty()) one.splice(one.begin(), free_, std::prev(free_.end()));
        }
        if (one.empty()) one.emplace_back(account_);
        return one;
    }

    /// What a burst of threads needed is not kept forever.
    void take_back(std::list<resting> one) noexcept {
        std::list<resting> dropped; // destroyed when the mutex is free again
        const auto now = steady_clock::now();
        one.front().since = now;
        const std::lock_guard lock(mutex_);
        auto& kept = one.front().session->fit() ? free_ : dropped;
        kept.splice(kept.end(), one);
        auto fresh = free_.begin(); // the oldest is in front
        while (fresh != free_.end() && fresh->since + account_->options.idle_timeout() < now) ++fresh;
        dropped.splice(dropped.end(), free_, free_.begin(), fresh);
    }

    /// Drops what no call uses.
    void drop_free() {
        std::list<resting> dropped;
        const std::lock_guard lock(mutex_);
        dropped.swap(free_);
    }

    const std::shared_ptr<const azkv::account>& account() const { return account_; }

    const unsigned process = support::process_number();

private:
    const std::shared_ptr<const azkv::account> account_;
    std::mutex mutex_; // guards `free_`
    std::list<resting> free_;
};

} // namespace

class [[gnu::visibility("hidden")]] blocking_store::implementation {
public:
    explicit implementation(std::shared_ptr<const account> a)
        : sessions_(std::make_unique<session_pool>(std::move(a))) {}

    session_pool& sessions() {
        return sessions_.here([](const session_pool& parents) {
            return std::make_unique<session_pool>(parents.account()->for_child());
        });
    }

    template <class Operation>
    auto run(const std::string& trace, Operation operation);

private:
    support::per_process<session_pool> sessions_;
};

namespace {

/// A session for one user.
class loan {
public:
    explicit loan(session_pool& from) : from_(from), one_(from.take()) {}

    loan(const loan&) = delete;
    loan& operator=(const loan&) = delete;

    ~loan() {
        if (from_.process == support::process_number())
            from_.take_back(std::move(one_));
        else
            static_cast<void>(one_.front().session.release()); // as the pool that it came from
    }

    azkv::session& session() const { return *one_.front().session; }

private:
    session_pool& from_;
    std::list<session_pool::resting> one_;
};

} // namespace

template <class Operation>
auto blocking_store::implementation::run(const std::string& trace, Operation operation) {
    const loan l(sessions());
    session& s = l.session();
    if (trace.empty()) return s.run(operation(s.store));
    store traced = detail::store_access::traced(s.store, trace);
    return s.run(operation(traced));
}

/// A query, with the context that it runs on.
class [[gnu::visibility("hidden")]] blocking_query::state {
public:
    state(std::shared_ptr<blocking_store::implementation> owner, const std::string& trace, std::string filter,
          std::string collection, projection select)
        : owner_(std::move(owner)) {
        loan_.emplace(owner_->sessions());
        rows_.emplace(detail::store_access::traced(loan_->session().store, trace)
                          .query(std::move(filter), std::move(collection), std::move(select)));
    }

    // What a call that was broken off left in the session's context refers to the rows.
    ~state() {
        if (loan_ && !loan_->session().fit()) loan_.reset();
    }

    entry* advance() {
        if (at_ < page_.size()) return &page_[at_++];
        if (!rows_) return nullptr;
        page_ = loan_->session().run(rows_->next_page());
        at_ = 0;
        if (page_.empty()) {
            rows_.reset();
            loan_.reset();
            return nullptr;
        }
        return &page_[at_++];
    }

private:
    std::shared_ptr<blocking_store::implementation> owner_;
    std::optional<loan> loan_;
    std::optional<async_generator<entry>> rows_; // goes before the session that it runs on
    std::vector<entry> page_;
    std::size_t at_ = 0;
};

blocking_query::blocking_query(std::unique_ptr<state> s) : state_(std::move(s)) {}

blocking_query::blocking_query(blocking_query&&) noexcept = default;
blocking_query& blocking_query::operator=(blocking_query&&) noexcept = default;
blocking_query::~blocking_query() = default;

entry* blocking_query::advance() {
    return state_->advance();
}

blocking_store::blocking_store(std::shared_ptr<const account> a)
    : impl_(std::make_shared<implementation>(std::move(a))) {}

blocking_store::blocking_store(std::shared_ptr<implementation> i, std::string trace)
    : impl_(std::move(i)), trace_(std::move(trace)) {}

blocking_store::blocking_store(std::string endpoint, credential credential, store_options options)
    : blocking_store(std::make_shared<const account>(endpoint, credential, std::move(options))) {}

blocking_store blocking_store::from_connection_string(std::string_view connection_string,
                                                      store_options options) {
    return blocking_store(account::from_connection_string(connection_string, std::move(options)));
}

blocking_store blocking_store::from_connection_string(const char* connection_string, store_options options) {
    return from_connection_string(protocol::present(connection_string), std::move(options));
}

blocking_store blocking_store::from_account_and_key(std::string name, secret key, store_options options) {
    return blocking_store(account::from_account_and_key(std::move(name), std::move(key), std::move(options)));
}

blocking_store blocking_store::from_sas_token(std::string endpoint, secret sas, store_options options) {
    return blocking_store(std::move(endpoint), credential::sas(std::move(sas)), std::move(options));
}

blocking_store blocking_store::from_account_and_id(std::string name, store_options options) {
    const std::string url = account::url_of(name, options);
    return from_aad_token(url, std::move(options));
}

blocking_store blocking_store::from_aad_token(std::string endpoint, store_options options) {
    return blocking_store(account::from_identity(endpoint, std::move(options)));
}

blocking_store::blocking_store(blocking_store&&) noexcept = default;
blocking_store& blocking_store::operator=(blocking_store&&) noexcept = default;
blocking_store::~blocking_store() = default;

void blocking_store::put(std::string key, value v, std::string collection) {
    impl_->run(trace_, [&](store& s) { return s.put(std::move(key), std::move(v), std::move(collection)); });
}

void blocking_store::put_all(std::vector<std::pair<std::string, value>> pairs, std::string collection,
                             std::size_t batch_size, put_all_progress progress) {
    impl_->run(trace_, [&](store& s) {
        return s.put_all(std::move(pairs), std::move(collection), batch_size, std::move(progress));
    });
}

std::optional<value> blocking_store::get(std::string key, std::string collection, projection select) {
    return impl_->run(
        trace_, [&](store& s) { return s.get(std::move(key), std::move(collection), std::move(select)); });
}

std::map<std::string, value> blocking_store::get_all(std::string collection, projection select) {
    return impl_->run(trace_, [&](store& s) { return s.get_all(std::move(collection), std::move(select)); });
}

bool blocking_store::erase(std::string key, std::string collection) {
    return impl_->run(trace_, [&](store& s) { return s.erase(std::move(key), std::move(collection)); });
}

blocking_query blocking_store::query(std::string filter, std::string collection, projection select) {
    return blocking_query(std::make_unique<blocking_query::state>(impl_, trace_, std::move(filter),
                                                                  std::move(collection), std::move(select)));
}

blocking_store blocking_store::with_traceparent(std::string_view traceparent,
                                                std::string_view tracestate) const {
    return blocking_store(impl_, protocol::trace_headers(traceparent, tracestate));
}

bool blocking_store::close(std::chrono::milliseconds limit) {
    const bool finished = impl_->run(trace_, [&](store& s) { return s.close(limit); });
    impl_->sessions().drop_free();
    return finished;
}

} // namespace azkv
