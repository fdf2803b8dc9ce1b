#include "operations/query.hpp"

#include "async/manual_reset_event.hpp"
#include "async/only_terminal.hpp"
#include "async/serial_executor.hpp"
#include "async/stop_signal.hpp"
#include "operations/query_pager.hpp"

#include <azkv/error.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>

#include <atomic>
#include <exception>
#include <new>
#include <optional>
#include <utility>
#include <vector>

namespace azkv {

namespace {

/// A query under way. One thread at a time uses it: the caller's, or the one that reads ahead. A page that
/// could not be had may be asked for again.
class reading {
public:
    reading(std::shared_ptr<const traced_client> c, std::string filter, std::string collection,
            projection select)
        : origin_(std::move(c)), collection_(std::move(collection)),
          op_(origin_->begin({"query", collection_, nullptr})),
          pages_(op_, std::move(filter), collection_, std::move(select)) {}

    operation& op() { return op_; }

    /// Whether there is, or may be, another page.
    bool more() const { return refused_ || pages_.more(); }

    /// The store was closed: a page that was there was not given out. `untold`: those who watch do not know
    /// yet how the query ended.
    [[noreturn]] void refuse(bool untold) {
        refused_ = true;
        const std::string why = make_error_code(errc::closed).message();
        if (untold) op_.fail(errc::closed, why);
        throw op_.about().failure(errc::closed, why);
    }

    static asio::awaitable<async::outcome<std::vector<entry>>> next_page(std::shared_ptr<reading> self) {
        const operation::turn turn(self->op_); // between two pages a query is nobody's operation
        const protocol::request r = self->pages_.request();
        answer a;
        co_await self->origin_->client->call(self->op_, r, self->op_.next_deadline(), a);
        std::vector<entry> page = self->pages_.read(self->op_, a);
        if (!self->pages_.more()) self->op_.succeed();
        co_return page;
    }

private:
    const std::shared_ptr<const traced_client> origin_;
    const std::string collection_;
    operation op_;
    page_query pages_;
    bool refused_ = false; // the consumer's
};

/// The next page, fetched before it is asked for. When this goes, the fetch ends.
class page_ahead {
public:
    /// Nobody else uses `r` until the page is there.
    page_ahead(std::shared_ptr<reading> r, const asio::any_io_executor& executor)
        : fetch_(std::make_shared<fetch>(std::move(r), executor)) {
        asio::co_spawn(fetch_->strand, run(landing(fetch_)),
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

    /// Waits for it. When the wait is cancelled, the page is still to be taken.
    asio::awaitable<std::vector<entry>> take() { return take(fetch_); }

    /// Whether its page, or its failure, was taken.
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

    /// The fetch is over when its coroutine is gone, however that happens.
    class landing {
    public:
        explicit landing(std::shared_ptr<fetch> f) : fetch_(std::move(f)) {}

        landing(landing&&) noexcept = default;
        landing& operator=(landing&&) = delete;

        ~landing() {
            if (!fetch_) return;
            fetch_->over = true;
            fetch_->ended->set();
        }

        fetch& of() const { return *fetch_; }

    private:
        std::shared_ptr<fetch> fetch_;
    };

    static asio::awaitable<void> run(landing l) {
        fetch& f = l.of();
        try {
            f.stop.begin();
            async::outcome<std::vector<entry>> page = co_await reading::next_page(f.of);
            f.page = page.take();
        } catch (...) {
            f.failure = std::current_exception();
        }
    }

    static asio::awaitable<std::vector<entry>> take(std::shared_ptr<fetch> f) {
        // The store may have been closed since the fetch began: what is there already is not given out.
        operation& op = f->of->op();
        op.require_own_process();
        const async::operation_tracker::registration pass(*op.account().tracker);
        if (pass) co_await f->ended->wait(operation::clock::time_point::max());
        f->taken = true;
        if (!pass) f->of->refuse(f->over && !f->failure && f->of->more());
        if (f->failure) std::rethrow_exception(f->failure);
        co_return std::move(f->page);
    }

    const std::shared_ptr<fetch> fetch_;
};

} // namespace

async_generator<entry> query(std::shared_ptr<const traced_client> c, asio::any_io_executor executor,
                             std::string filter, std::string collection, projection select) {
    const bool ahead = c->client->reads_ahead();
    const auto r =
        std::make_shared<reading>(std::move(c), std::move(filter), std::move(collection), std::move(select));
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
        } catch (const std::bad_alloc&) { // it is read when it is asked for; this page is there
        }
        co_yield std::move(page);
    } while (next || r->more());
}

} // namespace azkv
