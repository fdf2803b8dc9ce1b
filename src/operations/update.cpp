#include "async/only_terminal.hpp"
#include "client/key_lines.hpp"
#include "client/missing.hpp"
#include "client/operation_context.hpp"
#include "client/service_context.hpp"
#include "codec/entity.hpp"
#include "codec/equality.hpp"
#include "operations/conditional_write.hpp"
#include "protocol/requests.hpp"
#include "store/blocking_impl.hpp"
#include "store/store_impl.hpp"

#include <algorithm>
#include <chrono>
#include <random>
#include <utility>

namespace azkv {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

/// The pauses after lost races: random, up to a ceiling that doubles. Far from the service they are longer.
class race_pauses {
public:
    explicit race_pauses(std::uint32_t seed) : random_(seed) {}

    /// `call` took as long as a round trip, or longer: it may have waited for a connection or a token.
    milliseconds next(steady_clock::duration call) {
        shortest_ = std::min(shortest_, std::chrono::duration_cast<milliseconds>(call));
        const milliseconds trip = shortest_;
        const milliseconds first = std::max(milliseconds(10), 2 * trip);
        const milliseconds longest = std::max(milliseconds(500), 80 * trip);
        ceiling_ = std::min(ceiling_.count() == 0 ? first : 2 * ceiling_, longest);
        return milliseconds(std::uniform_int_distribution<milliseconds::rep>(0, ceiling_.count())(random_));
    }

private:
    std::minstd_rand random_;
    milliseconds ceiling_{0};
    milliseconds shortest_{250}; // round trip
};

/// One key that is read, changed and written on condition, until no other writer is faster.
class updated_row : public operations::conditional_write {
public:
    updated_row(client::operation_context& op, const std::string& key)
        : op_(op), at_(op, key), table_(op.table()) {
        old_row_wins(false); // it has just read that there is none
    }

    /// Names its line.
    std::string name() const { return table_ + '\n' + at_.partition + '\n' + at_.row; }

    protocol::request question() const {
        protocol::request r = protocol::get_entity(table_, at_.key(), {});
        r.only_primary = true;
        return r;
    }

    async::outcome<void> read_row(const client::call_result& result) {
        before_.reset();
        value_.reset();
        if (!result.succeeded) {
            if (client::what_is_missing(result.response) != client::missing::none) return {};
            return op_.exception_for(result);
        }
        before_ = codec::decode_entry(result.response.body, codec::expected_keys(at_.partition, at_.row));
        if (before_->etag().empty())
            throw error(errc::bad_response, "the response has a row without a version");
        value_ = before_->value();
        return {};
    }

    /// Returns whether there is something to write.
    bool change(const change_function& how) {
        how(value_);
        if (!before_ || !value_) return before_.has_value() != value_.has_value();
        return !codec::is_equal(*value_, before_->value());
    }

    protocol::request write() {
        protocol::request r = !value_   ? erasure(op_, at_, before_->etag())
                              : before_ ? replacement(op_, at_, *value_, before_->etag(), &*before_)
                                        : insertion(op_, at_, *value_);
        r.idempotency = idempotency;
        return r;
    }

    std::optional<value> release() { return std::move(value_); }

private:
    client::operation_context& op_;
    operations::row_address at_;
    std::string table_;
    std::optional<entry> before_;
    std::optional<value> value_;
};

// What `how` throws is the caller's own, and passes through.
bool change(client::operation_context& op, updated_row& row, const change_function& how) {
    try {
        return row.change(how);
    } catch (...) {
        op.abort();
        throw;
    }
}

asio::awaitable<void> wait_in_line(const client::store_core& core, client::operation_context& op,
                                   client::key_lines::place& place) {
    const bool turn = co_await place.wait(core.executor, op.service().tracker, op.deadline());
    op.require_own_process(); // other coroutines, which may have forked, ran meanwhile
    if (turn) co_return;
    if (op.service().tracker->is_aborted()) op.fail_closed();
    op.fail(errc::timed_out,
            "waiting for other updates of the key: " + make_error_code(errc::timed_out).message());
}

asio::awaitable<async::outcome<std::optional<value>>> update(std::shared_ptr<const client::store_core> core,
                                                             std::string key, change_function how,
                                                             std::string collection) {
    client::operation_context op(*core, {"update", collection, &key});
    const client::operation_context::guard guard(op);
    updated_row row = op.check([&] { return updated_row(op, key); });
    client::key_lines::place place(op.service().lines, row.name());
    co_await wait_in_line(*core, op, place);
    race_pauses pauses(op.seed());
    for (int races = 0;; ++races) {
        op.require_begun_here(); // the id of the writes is the operation's
        const auto began = steady_clock::now();
        const protocol::request question = row.question();
        client::call_result found;
        co_await core->sender->call(op, question, op.deadline(), found);
        const auto round_trip = steady_clock::now() - began;
        async::outcome<void> read = op.check([&] { return row.read_row(found); });
        if (read.failed()) co_return read.failure();
        const bool changed = change(op, row, how);
        if (!changed) break;
        const protocol::request write = op.check([&] { return row.write(); });
        client::call_result result;
        co_await core->sender->call(op, write, op.deadline(), result);
        if (result.creating_table) co_return op.exception_for(result);
        async::outcome<write_result> outcome = row.read(op, result);
        if (outcome.failed()) co_return outcome.failure();
        const write_result written = outcome.take();
        if (written) break;
        const auto left = std::chrono::floor<milliseconds>(op.deadline() - steady_clock::now());
        const milliseconds pause = std::min(pauses.next(round_trip), left / 2);
        if (left <= milliseconds(1))
            op.fail(errc::contended, "others were faster " + std::to_string(races + 1) + " times");
        co_await core->sender->pause(op, pause);
    }
    op.succeed();
    co_return row.release();
}

} // namespace

asio::awaitable<std::optional<value>> store::update(std::string key, change_function change,
                                                    std::string collection) {
    return async::only_terminal(
        azkv::update(impl_, std::move(key), std::move(change), std::move(collection)));
}

std::optional<value> blocking_store::update(std::string key, change_function change, std::string collection) {
    return impl_->run(
        [&](store& s) { return s.update(std::move(key), std::move(change), std::move(collection)); });
}

} // namespace azkv
