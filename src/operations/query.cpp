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
class reading {
public:
    reading(std::shared_ptr<const client::call_origin> origin, std::string filter, std::string collection,
            projection select)
        : origin_(std::move(origin)), collection_(std::move(collection)),
          op_(*origin_, {"query", collection_, nullptr}), pages_(op_, std::move(filter), std::move(select)) {}

    client::operation_context& op() { return op_; }

    /// Returns true if there is, or may be, another page.
    bool more() const { return refused_ || pages_.more(); }

    /// The store was closed, so a page that had arrived is withheld. `unreported`: the end of the query has
    /// not been reported yet.
    [[noreturn]] void refuse(bool unreported) {
        refused_ = true;
        if (unreported) op_.fail_closed();
        throw op_.label().failure(errc::closed, make_error_code(errc::closed).message());
    }

    static asio::awaitable<async::outcome<std::vector<entry>>> next_page(std::shared_ptr<reading> self) {
        const client::operation_context::guard guard(self->op_); // not in flight between two pages
        const protocol::request r = self->pages_.request();
        client::call_result result;
        co_await self->origin_->sender->call(self->op_, r, self->op_.next_deadline(), result);
        async::outcome<std::vector<entry>> page = self->pages_.read(self->op_, result);
        if (!page.failed() && !self->pages_.more()) self->op_.succeed();
        co_return page;
    }

private:
    const std::shared_ptr<const client::call_origin> origin_;
    const std::string collection_;
    client::operation_context op_;
    operations::query_pager pages_;
    bool refused_ = false; // used by the consumer only
};

/// The next page, fetched before it is asked for. Destroying it ends the fetch.
class page_ahead {
public:
    /// No one else may use `r` until the page is there.
    page_ahead(std::shared_ptr<reading> r, const asio::any_io_executor& executor)
        : fetch_(std::make_shared<fetch>(std::move(r), executor)) {
        asio::co_spawn(fetch_->strand, run(running(fetch_)),
                       asio::bind_cancellation_slot(fetch_->stop.slot(),
                                                    [f = fetch_](std::exception_ptr) {})); // whose slot it is
    }

    page_ahead(const page_ahead&) = delete;
    page_ahead& operator=(const page_ahead&) = delete;

    ~page_ahead() {
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
        fetch(std::shared_ptr<reading> of, const asio::any_io_executor& executor)
            : of(std::move(of)), strand(async::serial_executor::on(executor)),
              ended(std::make_shared<async::manual_reset_event>(executor)) {}

        const std::shared_ptr<reading> of;
        const asio::any_io_executor strand;
        const std::shared_ptr<async::manual_reset_event> ended;
        async::stop_signal stop;        // on the strand
        bool taken = false;             // the consumer's
        std::atomic<bool> over = false; // there is nothing left to be cancelled
        std::exception_ptr failure;     // on the strand until it has ended, as is the next
        std::vector<entry> page;
    };

    /// Held by the fetch's coroutine: the fetch is over when that is destroyed, however that happens.
    class running {
    public:
        explicit running(std::shared_ptr<fetch> f) : fetch_(std::move(f)) {}

        running(running&&) noexcept = default;
        running& operator=(running&&) = delete;

        ~running() {
            if (!fetch_) return;
            fetch_->over = true;
            fetch_->ended->set();
        }

        fetch& of() const { return *fetch_; }

    private:
        std::shared_ptr<fetch> fetch_;
    };

    static asio::awaitable<void> run(running r) {
        fetch& f = r.of();
        try {
            f.stop.begin();
            async::outcome<std::vector<entry>> page = co_await reading::next_page(f.of);
            f.page = page.take();
        } catch (...) {
            f.failure = std::current_exception();
        }
    }

    static asio::awaitable<std::vector<entry>> take(std::shared_ptr<fetch> f) {
        client::operation_context& op = f->of->op();
        op.require_own_process();
        // If the store was closed since the fetch began, a page that has arrived is withheld.
        const async::operation_tracker::registration registration(*op.service().tracker);
        if (registration) co_await f->ended->wait(std::chrono::steady_clock::time_point::max());
        f->taken = true;
        if (!registration) f->of->refuse(f->over && !f->failure && f->of->more());
        if (f->failure) std::rethrow_exception(f->failure);
        co_return std::move(f->page);
    }

    const std::shared_ptr<fetch> fetch_;
};

async_generator<entry> query(std::shared_ptr<const client::call_origin> origin, std::string filter,
                             std::string collection, projection select) {
    const bool ahead = origin->sender->reads_ahead();
    const asio::any_io_executor executor = origin->executor;
    const auto r = std::make_shared<reading>(std::move(origin), std::move(filter), std::move(collection),
                                             std::move(select));
    std::optional<page_ahead> next;
    do {
        std::vector<entry> page;
        std::exception_ptr failure;
        try {
            if (next)
                page = co_await next->take();
            else
                page = co_await async::only_terminal(reading::next_page(r));
        } catch (...) {
            failure = std::current_exception();
        }
        if (next && next->is_taken()) next.reset();
        if (failure) {
            co_yield std::move(failure); // the next call asks for this page again
            continue;
        }
        try {
            if (ahead && r->more()) next.emplace(r, executor);
        } catch (const std::bad_alloc&) { // it is fetched when it is asked for; this page is there
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
        loan_.emplace(owner_->sessions());
        store db = owner_->in(loan_->session());
        rows_.emplace(db.query(std::move(filter), std::move(collection), std::move(select)));
    }

    // What an interrupted call left in the session's context refers to the rows.
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
    std::optional<blocking::loan> loan_;
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
