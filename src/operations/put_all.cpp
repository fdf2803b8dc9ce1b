#include "async/manual_reset_event.hpp"
#include "async/only_terminal.hpp"
#include "async/stop_signal.hpp"
#include "client/operation_context.hpp"
#include "codec/entity.hpp"
#include "codec/names.hpp"
#include "protocol/batch.hpp"
#include "protocol/requests.hpp"
#include "store/blocking_impl.hpp"
#include "store/store_impl.hpp"

#include <azkv/error.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/this_coro.hpp>

#include <algorithm>
#include <exception>
#include <memory_resource>
#include <mutex>
#include <optional>
#include <string_view>
#include <unordered_set>

namespace azkv {

namespace {

/// One of the pairs, encoded as an operation of a transaction.
class encoded_pair {
public:
    enum class outcome { not_written, written, unknown };

    encoded_pair(std::string key, std::size_t path_size, std::size_t size)
        : key(std::move(key)), path_size(path_size), size(size) {}

    std::string key;
    std::size_t path_size; // its text is the path, followed by the entity
    std::size_t size;
    enum outcome outcome = outcome::not_written;
};

/// A stack of texts in few pieces of memory, which are freed as the texts are popped.
class text_stack {
public:
    void push(std::string_view text) {
        if (pieces_.empty() || pieces_.back().capacity() - pieces_.back().size() < text.size())
            pieces_.emplace_back().reserve(std::max(piece_size, text.size()));
        pieces_.back().append(text);
    }

    std::string_view top(std::size_t size) const {
        return std::string_view(pieces_.back()).substr(pieces_.back().size() - size);
    }

    void pop(std::size_t size) {
        pieces_.back().resize(pieces_.back().size() - size);
        if (pieces_.back().empty()) pieces_.pop_back();
    }

private:
    static constexpr std::size_t piece_size = 64 * 1024;

    std::vector<std::string> pieces_;
};

// Checks and encodes the pairs, except those that a later pair replaces. The text of the first pair is on top
// of `texts`.
std::vector<encoded_pair> encode_all(std::vector<std::pair<std::string, value>> pairs,
                                     const client::operation_context& op, std::string_view table,
                                     text_stack& texts) {
    const service_mode mode = op.service().mode;
    std::vector<encoded_pair> all;
    all.reserve(pairs.size());
    std::pmr::monotonic_buffer_resource memory;
    std::pmr::unordered_set<std::string_view> seen(pairs.size(), &memory); // keys in `all`
    std::string text;
    for (auto pair = pairs.rbegin(); pair != pairs.rend(); ++pair) {
        std::string& key = pair->first;
        try {
            const std::string row = codec::escape_key(key, mode);
            const codec::entity_key stored(op.settings().partition, row);
            text.clear();
            protocol::append_entity_path(text, table, stored);
            const std::size_t path_size = text.size();
            codec::append_entity(text, stored, pair->second, mode);
            if (!seen.contains(key)) {
                texts.push(text);
                all.emplace_back(std::move(key), path_size, text.size());
                seen.insert(all.back().key);
            }
        } catch (const error& e) {
            const client::operation_label label{op.label().operation, op.label().collection, &key};
            throw label.failure(e.code(), e.what(), e.details());
        }
        pair->second = value(); // frees its memory
    }
    std::ranges::reverse(all);
    return all;
}

/// The request of one transaction.
class transaction {
public:
    transaction(std::size_t first, protocol::request r) : first(first), request(std::move(r)) {}

    std::size_t first;
    protocol::request request;
};

/// A `put_all` in progress. Its workers, coroutines on the caller's executor, send several transactions at
/// the same time, possibly on several threads. A transaction is built when a worker takes it, so that only
/// those in flight are in memory.
class job {
public:
    job(std::shared_ptr<const client::store_core> core, std::string collection, std::size_t batch_size,
        put_all_progress progress)
        : core_(std::move(core)), collection_(std::move(collection)), batch_size_(batch_size),
          progress_(std::move(progress)),
          op_(*core_, {"put_all", collection_, nullptr}, client::operation_context::failure_of::part) {}

    client::operation_context& op() { return op_; }

    /// Checks all arguments before anything is sent.
    void prepare(std::vector<std::pair<std::string, value>> pairs) {
        if (batch_size_ < 1 || batch_size_ > protocol::max_batch_operations)
            op_.fail(errc::invalid_argument, "batch_size is " + std::to_string(batch_size_)
                                                 + "; it must be from 1 to "
                                                 + std::to_string(protocol::max_batch_operations));
        table_ = op_.check([&] { return op_.table(); });
        all_ = encode_all(std::move(pairs), op_, table_, texts_);
    }

    /// Completes when all workers have ended. Throws if the operation failed.
    static asio::awaitable<void> run(std::shared_ptr<job> self) {
        std::optional<transaction> first = self->next();
        const store_options& options = self->op_.service().options;
        // At most as many as may wait, or the operation would be refused because of its own transactions.
        const std::size_t most = std::min({options.max_transactions(), options.max_connections(),
                                           std::max<std::size_t>(options.max_waiting(), 1)});
        const std::size_t workers = std::min(most, 1 + self->transactions_left());
        if (workers == 1) {
            for (; first; first = self->next()) co_await perform(self, std::move(*first));
        } else {
            const asio::any_io_executor executor = co_await asio::this_coro::executor;
            self->ended_ = std::make_shared<async::manual_reset_event>(executor);
            self->stops_ = std::vector<async::stop_signal>(workers);
            const auto begin = [&] { self->begin(self, executor, std::move(first)); };
            const auto cancel = [self] { self->cancel(); };
            co_await self->ended_->join(begin, cancel);
        }
        self->finish();
    }

private:
    /// Counts a worker from before it begins until its coroutine is destroyed, for whatever reason.
    class worker {
    public:
        explicit worker(std::shared_ptr<job> j) : job_(std::move(j)) {
            const std::lock_guard lock(job_->mutex_);
            ++job_->workers_;
        }

        worker(worker&&) noexcept = default;
        worker& operator=(worker&&) = delete;

        ~worker() {
            if (job_) job_->leave();
        }

        const std::shared_ptr<job>& owner() const { return job_; }

    private:
        std::shared_ptr<job> job_;
    };

    static void begin(const std::shared_ptr<job>& self, const asio::any_io_executor& executor,
                      std::optional<transaction> first) noexcept {
        const worker here(self);                         // the job does not end before all workers have begun
        const auto keep = [self](std::exception_ptr) {}; // keeps the slots alive
        try {
            for (async::stop_signal& s : self->stops_)
                asio::co_spawn(executor, work(worker(self), s, std::exchange(first, std::nullopt)),
                               asio::bind_cancellation_slot(s.slot(), keep));
        } catch (...) { // out of memory
            self->stop(std::current_exception());
        }
    }

    // Throws nothing: exceptions are kept in the job.
    static asio::awaitable<void> work(worker w, async::stop_signal& s, std::optional<transaction> begun) {
        const std::shared_ptr<job> self = w.owner();
        try {
            s.begin();
            if (!begun) begun = self->next();
            while (begun) {
                co_await perform(self, std::move(*begun));
                begun = self->next();
            }
        } catch (...) {
            self->stop(std::current_exception());
        }
    }

    void leave() noexcept {
        const std::lock_guard lock(mutex_);
        if (--workers_ == 0) ended_->set();
    }

    void stop(std::exception_ptr why) noexcept {
        const std::lock_guard lock(mutex_);
        stopped_ = true;
        if (!exception_) exception_ = std::move(why);
    }

    void cancel() {
        {
            const std::lock_guard lock(mutex_);
            stopped_ = cancelled_ = true;
        }
        for (async::stop_signal& s : stops_) s.emit();
    }

    /// Returns an upper bound of the transactions that have not begun.
    std::size_t transactions_left() const {
        const std::lock_guard lock(mutex_);
        return stopped_ ? 0 : all_.size() - next_;
    }

    std::optional<transaction> next() {
        const std::lock_guard lock(mutex_);
        std::optional<transaction> t;
        if (!stopped_ && next_ != all_.size()) t.emplace(take());
        return t;
    }

    // Precondition: pairs are left.
    transaction take() {
        const client::service_context& service = op_.service();
        protocol::batch_builder batch(service.endpoint, std::string(core_->sender->new_id().view()));
        const std::size_t first = next_;
        const std::size_t most = std::min(batch_size_, all_.size() - first);
        std::size_t size = batch.size();
        std::size_t last = first;
        for (; last - first < most; ++last) {
            const std::size_t more = batch.operation_size(all_[last].size);
            if (last != first && size + more > protocol::max_batch_bytes(service.mode)) break;
            size += more;
        }
        batch.reserve(size);
        for (; next_ != last; ++next_) {
            const encoded_pair& b = all_[next_];
            const std::string_view text = texts_.top(b.size);
            batch.add(text.substr(0, b.path_size), text.substr(b.path_size));
            texts_.pop(b.size);
        }
        protocol::request r = batch.release();
        r.table = table_;
        return transaction(first, std::move(r));
    }

    static asio::awaitable<void> perform(std::shared_ptr<job> self, transaction t) {
        try {
            client::call_result result;
            co_await self->core_->sender->call(self->op_, t.request, self->op_.next_deadline(), result);
            if (!result.succeeded) self->fail(t, result);
        } catch (const error& e) {
            self->record_failure(t, e);
            co_return;
        }
        self->record_success(t);
    }

    // A transaction fails as a whole, but the service may report which of its operations is the cause.
    [[noreturn]] void fail(const transaction& t, const client::call_result& result) {
        const std::size_t failed = result.response.failed_operation.value_or(0);
        const bool known = result.response.failed_operation.has_value() || t.request.batch_size == 1;
        std::rethrow_exception(op_.exception_for(result, known ? &all_[t.first + failed].key : nullptr));
    }

    void record_failure(const transaction& t, const error& e) {
        const std::lock_guard lock(mutex_);
        set_outcome(t, e.outcome_unknown() ? encoded_pair::outcome::unknown
                                           : encoded_pair::outcome::not_written);
        if (!first_failure_) first_failure_ = e;
        // The other transactions would fail in the same way.
        const bool is_for_all =
            e.code() == condition::unauthorized || e.code() == errc::closed || e.code() == errc::overloaded;
        if (is_for_all) stopped_ = true;
    }

    void record_success(const transaction& t) {
        const std::lock_guard in_turn(progress_mutex_);
        std::size_t written = 0;
        {
            const std::lock_guard lock(mutex_);
            set_outcome(t, encoded_pair::outcome::written);
            written = written_ += t.request.batch_size;
        }
        if (progress_) progress_(written, all_.size());
    }

    void set_outcome(const transaction& t, enum encoded_pair::outcome outcome) {
        for (std::size_t i = 0; i < t.request.batch_size; ++i) all_[t.first + i].outcome = outcome;
    }

    // Precondition: all workers have ended.
    void finish() {
        if (exception_) std::rethrow_exception(exception_);
        // A cancellation after the last transaction was taken counts only if it interrupted a worker.
        const bool cut_short = cancelled_ && next_ < all_.size();
        if (cut_short) throw boost::system::system_error(asio::error::operation_aborted);
        if (!first_failure_) return;
        std::vector<std::string> not_written, unknown;
        for (encoded_pair& b : all_) {
            if (b.outcome == encoded_pair::outcome::not_written) not_written.push_back(std::move(b.key));
            if (b.outcome == encoded_pair::outcome::unknown) unknown.push_back(std::move(b.key));
        }
        std::string what = first_failure_->what();
        const std::size_t written = all_.size() - not_written.size() - unknown.size();
        what.append("; " + std::to_string(written) + " of " + std::to_string(all_.size())
                    + " keys were written, " + std::to_string(not_written.size()) + " were not");
        if (!unknown.empty())
            what.append(", " + std::to_string(unknown.size()) + " may or may not have been");
        throw put_all_error(*first_failure_, std::move(what), std::move(not_written), std::move(unknown));
    }

    const std::shared_ptr<const client::store_core> core_;
    const std::string collection_;
    const std::size_t batch_size_;
    const put_all_progress progress_;
    client::operation_context op_;
    std::string table_;
    std::vector<async::stop_signal> stops_;            // of the workers
    std::shared_ptr<async::manual_reset_event> ended_; // set when all workers have ended
    std::recursive_mutex progress_mutex_;              // held while the progress function is called

    mutable std::mutex mutex_; // guards what follows
    std::vector<encoded_pair> all_;
    text_stack texts_;     // of the pairs not yet in a transaction
    std::size_t next_ = 0; // the first pair not yet in a transaction
    std::size_t written_ = 0;
    std::size_t workers_ = 0;
    std::optional<error> first_failure_;
    bool stopped_ = false; // no further transaction begins
    bool cancelled_ = false;
    std::exception_ptr exception_; // of a worker: its cancellation, or thrown by the progress function
};

asio::awaitable<async::outcome<void>> put_all(std::shared_ptr<const client::store_core> core,
                                              std::vector<std::pair<std::string, value>> pairs,
                                              std::string collection, std::size_t batch_size,
                                              put_all_progress progress) {
    const auto j =
        std::make_shared<job>(std::move(core), std::move(collection), batch_size, std::move(progress));
    std::optional<client::operation_context::guard> guard; // held until the end is reported
    try {
        guard.emplace(j->op());
        j->prepare(std::move(pairs));
        co_await job::run(j);
    } catch (const boost::system::system_error& e) {
        const auto* const failure = dynamic_cast<const error*>(&e);
        j->op().end(e.code(), failure ? failure->details() : diagnostics());
        throw;
    } catch (...) {
        j->op().end(asio::error::operation_aborted);
        throw;
    }
    j->op().end({});
    co_return async::outcome<void>();
}

} // namespace

asio::awaitable<void> store::put_all(std::vector<std::pair<std::string, value>> pairs, std::string collection,
                                     std::size_t batch_size, put_all_progress progress) {
    return async::only_terminal(
        azkv::put_all(impl_, std::move(pairs), std::move(collection), batch_size, std::move(progress)));
}

void blocking_store::put_all(std::vector<std::pair<std::string, value>> pairs, std::string collection,
                             std::size_t batch_size, put_all_progress progress) {
    impl_->run([&](store& s) {
        return s.put_all(std::move(pairs), std::move(collection), batch_size, std::move(progress));
    });
}

} // namespace azkv
