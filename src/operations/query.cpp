#include "async/manual_reset_event.hpp"
#include "async/only_terminal.hpp"
#include "async/serial_executor.hpp"
#include "async/stop_signal.hpp"
#include "client/operation_context.hpp"
#include "operations/query_pager.hpp"
#include "store/blocking_impl.hpp"
#include "store/store_impl.hpp"

#include <azkv/error.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>

#include <atomic>
#include <chrono>
#include <exception>
#include <new>
#include <optional>
#include <utility>
#include <vector>

namespace azkv {

namespace {

/// A query in progress. One thread at a time uses it: the caller's, or the one that reads ahead.
class running_query {
public:
    running_query(std::shared_ptr<const client::store_core> core, std::string filter, std::string collection,
                  projection select)
        : core_(std::move(core)), collection_(std::move(collection)),
          op_(*core_, {"query", collection_, nullptr}), pages_(op_, std::move(filter), std::move(select)) {}

    client::operation_context& op() { return op_; }

    /// Returns true if there may be another page.
    bool more() const { return refused_ || pages_.more(); }

    /// Withholds a page that has arrived, because the store was closed. `unreported`: the end of the query
    /// has not been reported yet.
    [[noreturn]] void refuse(bool unreported) {
        refused_ = true;
        if (unreported) op_.fail_closed();
        throw op_.label().failure(errc::closed, make_error_code(errc::closed).message());
    }

    static asio::awaitable<async::outcome<std::vector<entry>>>
    next_page(std::shared_ptr<running_query> self) {
        const client::operation_context::guard guard(self->op_); // not in flight between two pages
        const protocol::request r = self->pages_.request();
        client::call_result result;
        co_await self->core_->sender->call(self->op_, r, self->op_.next_deadline(), result);
        async::outcome<std::vector<entry>> page = self->pages_.read(self->op_, result);
        if (!page.failed() && !self->pages_.more()) self->op_.succeed();
        co_return std::move(page);
    }

private:
    const std::shared_ptr<const client::store_core> core_;
    const std::string collection_;
    client::operation_context op_;
    operations::query_pager pages_;
    bool refused_ = false; // used only by the consumer
};

/// The next page, fetched before it is requested. Destroying it ends the fetch.
class prefetched_page {
public:
    /// Nothing else may use `r` until the page has arrived.
    prefetched_page(std::shared_ptr<running_query> r, const asio::any_io_executor& executor)
        : fetch_(std::make_shared<fetch>(std::move(r), executor)) {
        asio::co_spawn(fetch_->strand, run(completion(fetch_)),
                       asio::bind_cancellation_slot(
                           fetch_->stop.slot(), [f = fetch_](std::exception_ptr) {})); // keeps the slot alive
    }

    prefetched_page(const prefetched_page&) = delete;
    prefetched_page& operator=(const prefetched_page&) = delete;

    ~prefetched_page() {
        if (fetch_->over) return;
        try {
            asio::post(fetch_->strand, [f = fetch_] {
                if (!f->over) f->stop.emit();
            });
        } catch (const std::bad_alloc&) { // it ends by its deadline
        }
    }

    /// Waits for the page. If the wait is cancelled, the page can still be taken later.
    asio::awaitable<std::vector<entry>> take() { return take(fetch_); }

    /// Returns true if the page, or its failure, was taken.
    bool is_taken() const { return fetch_->taken; }

private:
    class fetch {
    public:
        fetch(std::shared_ptr<running_query> source, const asio::any_io_executor& executor)
            : source(std::move(source)), strand(async::serial_executor::on(executor)),
              ended(std::make_shared<async::manual_reset_event>(executor)) {}

        const std::shared_ptr<running_query> source;
        const asio::any_io_executor strand;
        const std::shared_ptr<async::manual_reset_event> ended;
        async::stop_signal stop;        // on the strand
        bool taken = false;             // used only by the consumer
        std::atomic<bool> over = false; // nothing is left to cancel
        std::exception_ptr failure;     // on the strand until it has ended, as is the next
        std::vector<entry> page;
    };

    /// Held by the fetch's coroutine. Marks the fetch as over when the coroutine is destroyed, for whatever
    /// reason.
    class completion {
    public:
        explicit completion(std::shared_ptr<fetch> f) : fetch_(std::move(f)) {}

        completion(completion&&) noexcept = default;
        completion& operator=(completion&&) = delete;

        ~completion() {
            if (!fetch_) return;
            fetch_->over = true;
            fetch_->ended->set();
        }

        fetch& get() const { return *fetch_; }

    private:
        std::shared_ptr<fetch> fetch_;
    };

    static asio::awaitable<void> run(completion r) {
        fetch& f = r.get();
        try {
            f.stop.begin();
            async::outcome<std::vector<entry>> page = co_await running_query::next_page(f.source);
            f.page = page.take();
        } catch (...) {
            f.failure = std::current_exception();
        }
    }

    static asio::awaitable<std::vector<entry>> take(std::shared_ptr<fetch> f) {
        client::operation_context& op = f->source->op();
        op.require_own_process();
        // If the store was closed since the fetch began, a page that has arrived is withheld.
        const async::operation_tracker::registration registration(*op.service().tracker);
        if (registration) co_await f->ended->wait(std::chrono::steady_clock::time_point::max());
        f->taken = true;
        if (!registration) f->source->refuse(f->over && !f->failure && f->source->more());
        if (f->failure) std::rethrow_exception(f->failure);
        co_return std::move(f->page);
    }

    const std::shared_ptr<fetch> fetch_;
};

async_generator<entry> query(std::shared_ptr<const client::store_core> core, std::string filter,
                             std::string collection, projection select) {
    const bool ahead = core->sender->reads_ahead();
    const asio::any_io_executor executor = core->executor;
    const auto r = std::make_shared<running_query>(std::move(core), std::move(filter), std::move(collection),
                                                   std::move(select));
    std::optional<prefetched_page> next;
    do {
        std::vector<entry> page;
        std::exception_ptr failure;
        try {
            if (next)
                page = co_await next->take();
            else
                page = co_await async::only_terminal(running_query::next_page(r));
        } catch (...) {
            failure = std::current_exception();
        }
        if (next && next->is_taken()) next.reset();
        if (failure) {
            co_yield std::move(failure); // the next call requests this page again
            continue;
        }
        try {
            if (ahead && r->more()) next.emplace(r, executor);
        } catch (const std::bad_alloc&) { // the next page is fetched on demand; this one is complete
        }
        co_yield std::move(page);
    } while (next || r->more());
}

} // namespace

async_generator<entry> store::query(std::string filter, std::string collection, projection select) {
    return azkv::query(impl_, std::move(filter), std::move(collection), std::move(select));
}

/// A query, with the execution context that it runs on.
class [[gnu::visibility("hidden")]] blocking_query::state {
public:
    state(std::shared_ptr<blocking_store::implementation> owner, std::string filter, std::string collection,
          projection select)
        : owner_(std::move(owner)) {
        borrowed_.emplace(owner_->sessions());
        store db = owner_->store_on(borrowed_->session());
        rows_.emplace(db.query(std::move(filter), std::move(collection), std::move(select)));
    }

    // If a call was interrupted, handlers in the session's context still refer to the rows: drop the session
    // first.
    ~state() {
        if (borrowed_ && !borrowed_->session().is_reusable()) borrowed_.reset();
    }

    entry* advance() {
        if (at_ < page_.size()) return &page_[at_++];
        if (!rows_) return nullptr;
        page_ = borrowed_->session().run(rows_->next_page());
        at_ = 0;
        if (page_.empty()) {
            rows_.reset();
            borrowed_.reset();
            return nullptr;
        }
        return &page_[at_++];
    }

private:
    std::shared_ptr<blocking_store::implementation> owner_;
    std::optional<blocking::borrowed_session> borrowed_;
    std::optional<async_generator<entry>> rows_; // destroyed before the session that it runs on
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

blocking_query blocking_store::query(std::string filter, std::string collection, projection select) {
    return blocking_query(std::make_unique<blocking_query::state>(impl_, std::move(filter),
                                                                  std::move(collection), std::move(select)));
}

} // namespace azkv
