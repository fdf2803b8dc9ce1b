// Connections that break at every byte of every request and of every answer. Whatever happens, what the
// caller is told is true of the table.

#include "faults/pooled_store.hpp"
#include "support/all_operations.hpp"
#include "support/fixtures.hpp"
#include "support/run.hpp"
#include "support/sanitized.hpp"

#include <azkv/emulator.hpp>

#include <boost/asio/io_context.hpp>
#include <doctest/doctest.h>

#include <algorithm>
#include <iostream>
#include <optional>

using namespace azkv;
using namespace azkv::test;
using namespace std::chrono_literals;

namespace {

// One byte of so many: under the sanitizers, which are slow, and for conditional writes, whose requests are
// those of the others with another header. It is odd, so that over all of the requests every place of a
// header is met.
std::size_t step_of(const operation_sample& o) {
    return (sanitized ? 3 : 1) * (o.is_conditional ? 5 : 1);
}

using contents = std::map<std::string, value>;

/// An operation under test. It is run often; `round` tells one time from the other.
class trial {
public:
    trial(const operation_sample& o, contents beginning)
        : operation(o), name(o.name), requests(o.good.size()), beginning(std::move(beginning)) {
        if (o.batches && requests > 2) requests = 2; // two transactions meet all that more of them would
        begins_empty = o.is_conditional && beginning.empty();
    }

    std::string collection(int round) const {
        return operation.makes_table ? "t" + std::to_string(1'000'000 + round) : "data";
    }

    operation_arguments arguments(int round) const {
        operation_arguments a = operation.in(collection(round));
        a.v = numbered(round);
        a.version = version;
        if (operation.batches) a.pairs.resize(std::min(a.pairs.size(), requests * a.batch_size));
        for (auto& [key, v] : a.pairs) v = numbered(round);
        return a;
    }

    /// Throws what the store throws; checks the result.
    asio::awaitable<void> run(store db, int round) const {
        operation_arguments a = arguments(round);
        const std::string result = co_await operation.call(std::move(db), std::move(a));
        // With an answer lost, what was not there and what is not there any more look the same.
        if (beginning == operation.before) CHECK(result == operation.result);
    }

    /// What it does, if all of it is done. Reads have none.
    std::vector<changed_keys> changes(int round) const {
        return operation.writes() ? operation.changes(arguments(round)) : std::vector<changed_keys>();
    }

    const operation_sample& operation;
    std::string name;
    std::size_t requests;      // how many it sends when nothing goes wrong
    contents beginning;        // what the table must hold then; empty: see `begins_empty`
    bool begins_empty = false; // else an empty beginning does not matter
    mutable etag version;      // of the row, if there is one
};

/// What was told of a failure.
class failure {
public:
    explicit failure(const error& e) : code(e.code()), unknown(e.outcome_unknown()) {}

    explicit failure(const put_all_error& e)
        : code(e.code()), unknown(e.outcome_unknown()), not_written(e.not_written()),
          unknown_keys(e.unknown()), lists(true) {}

    /// Whether `key` may be as before, and whether it may be changed.
    bool may_be_old(const std::string& key) const {
        return !lists || is_in(not_written, key) || is_in(unknown_keys, key);
    }

    bool may_be_new(const std::string& key) const { return lists ? !is_in(not_written, key) : unknown; }

    static bool is_in(const std::vector<std::string>& list, const std::string& key) {
        return std::ranges::find(list, key) != list.end();
    }

    boost::system::error_code code;
    bool unknown;
    std::vector<std::string> not_written;
    std::vector<std::string> unknown_keys;
    bool lists = false;
};

class torture {
public:
    /// Every place where `op` can be cut, with a store that gives up at once or one that tries again.
    void break_everywhere(const trial& op, pooled_store& s, bool tries_again) {
        const std::vector<std::size_t> sizes = learn(op);
        // What became of a conditional write is found out, even without another attempt; but not of an
        // erasure.
        constexpr std::size_t longest_answer = 600;
        const std::size_t step = step_of(op.operation);
        const std::optional<bool> must_fail =
            op.operation.is_conditional ? std::nullopt : std::optional(!tries_again);
        for (std::size_t r = 0; r < op.requests; ++r) {
            for (std::size_t n = 0; n <= sizes[r]; n += step)
                meet(op, s, r, fault::cut_request(n), "cut_request", n, must_fail);
            meet(op, s, r, fault::reset(), "reset", 0, must_fail);
            meet(op, s, r, fault::lose_answer(), "lose_answer", 0, must_fail);
            std::size_t n = 0;
            if (op.operation.is_conditional) {
                for (; n <= longest_answer; n += step)
                    meet(op, s, r, fault::cut_answer(n), "cut_answer", n, must_fail);
            } else if (tries_again) {
                for (; n <= answers_.at({op.name, r}); n += step)
                    meet(op, s, r, fault::cut_answer(n), "cut_answer", n, false);
            } else { // as long as the answer is, which is when the cut does no harm any more
                while (meet(op, s, r, fault::cut_answer(n), "cut_answer", n, std::nullopt)) n += step;
                CHECK(n > 100);
                answers_[{op.name, r}] = n;
            }
        }
    }

    asio::io_context context;
    emulator service;
    pooled_store once{context.get_executor(), service.connection_string(),
                      store_options().max_attempts(1).idle_timeout(0ms)};
    pooled_store stubborn{context.get_executor(), service.connection_string(),
                          store_options().backoff(1ms, 1ms).retry_budget(100).max_transactions(1)};
    int rounds = 0;

private:
    /// The sizes of the requests that `op` makes.
    std::vector<std::size_t> learn(const trial& op) {
        INFO(op.name);
        prepare(op, ++rounds);
        pooled_store& s = stubborn;
        s.sizes_of_requests();
        service.faults(script(op, op.requests - 1, std::nullopt));
        test::run(context, op.run(s.db, rounds));
        const auto sizes = s.sizes_of_requests();
        REQUIRE(sizes.size() == op.requests);
        now_ = read(op);
        return sizes;
    }

    // A fault for request `at`. Pages before it are short, so that there is another one.
    fault_plan script(const trial& op, std::size_t at, const std::optional<fault>& f) const {
        fault_plan plan;
        const bool pages = op.requests > 1 && op.changes(0).empty();
        for (std::size_t i = 0; i < at; ++i) {
            if (pages)
                plan.then(fault::short_page(1));
            else
                plan.pass();
        }
        if (f) plan.then(*f);
        return plan;
    }

    /// Lets `op` meet `f` at its request `at`, and checks what it says. Whether it failed.
    bool meet(const trial& op, pooled_store& s, std::size_t at, const fault& f, const std::string& name,
              std::size_t bytes, std::optional<bool> must_fail) {
        INFO(op.name, ", request ", at, ": ", name, '(', bytes, ')');
        prepare(op, ++rounds);
        service.faults(script(op, at, f));
        const auto failed = run(op, s);
        service.faults();
        if (must_fail) CHECK(failed.has_value() == *must_fail);
        if (failed) {
            CHECK(failed->code == condition::transient);
            if (op.changes(rounds).empty()) CHECK_FALSE(failed->unknown);
        }
        CHECK(s.in_use() == 0);
        if (!op.changes(rounds).empty()) compare(op, failed);
        return failed.has_value();
    }

    std::optional<failure> run(const trial& op, pooled_store& s) {
        std::optional<failure> failed;
        try {
            test::run(context, op.run(s.db, rounds));
        } catch (const put_all_error& e) {
            failed.emplace(e);
        } catch (const error& e) {
            failed.emplace(e);
        }
        return failed;
    }

    void compare(const trial& op, const std::optional<failure>& failed) {
        const contents found = read(op);
        contents others = now_; // that are none of its business
        contents others_found = found;
        for (const changed_keys& t : op.changes(rounds)) {
            std::size_t changed = 0;
            for (const auto& [key, v] : t) {
                INFO(key);
                const auto old = now_.find(key);
                const std::optional<value> before =
                    old == now_.end() ? std::nullopt : std::optional(old->second);
                const auto at = found.find(key);
                const std::optional<value> after =
                    at == found.end() ? std::nullopt : std::optional(at->second);
                const bool as_new = after == v;
                const bool as_old = after == before;
                CHECK((as_new || as_old));
                const bool right =
                    !failed ? as_new
                            : (as_new && failed->may_be_new(key)) || (as_old && failed->may_be_old(key));
                CHECK(right);
                changed += as_new ? 1 : 0;
                others.erase(key);
                others_found.erase(key);
            }
            CHECK((changed == 0 || changed == t.size())); // all of a transaction, or nothing
        }
        CHECK(others_found == others);
        now_ = found;
    }

    void prepare(const trial& op, int round) {
        if (op.collection(round) != collection_) {
            collection_ = op.collection(round);
            now_ = read(op);
        }
        fill(op);
        if (!op.operation.needs_version) return;
        const auto row = test::run(context, witness_.get_entry(op.operation.arguments.key, collection_));
        REQUIRE(row);
        op.version = row->etag();
    }

    void fill(const trial& op) {
        const contents& beginning = op.beginning;
        if ((beginning.empty() && !op.begins_empty) || beginning == now_) return;
        for (const auto& [key, v] : now_)
            if (!beginning.contains(key)) test::run(context, witness_.erase(key, collection_));
        for (const auto& [key, v] : beginning) test::run(context, witness_.put(key, v, collection_));
        now_ = beginning;
    }

    contents read(const trial& op) { return test::run(context, witness_.get_all(op.collection(rounds))); }

    store witness_ = store::from_connection_string(context.get_executor(), service.connection_string());
    std::string collection_;
    contents now_;                                                       // what is in it
    std::map<std::pair<std::string, std::size_t>, std::size_t> answers_; // how long they are
};

std::vector<trial> all_trials() {
    std::vector<trial> all;
    for (const operation_sample& o : all_operations()) {
        all.emplace_back(o, o.before);
        if (!o.writes() || o.before.empty() || o.is_conditional) continue;
        trial& missing = all.emplace_back(o, contents());
        missing.name += " of what is not there";
        missing.begins_empty = true;
    }
    return all;
}

} // namespace

TEST_CASE("a connection that breaks at any byte never makes the store say what is not true") {
    torture t;
    test::run(t.context, t.once.db.put("k", numbered(0))); // makes the table
    for (const trial& op : all_trials()) t.break_everywhere(op, t.once, false);
    for (const trial& op : all_trials()) t.break_everywhere(op, t.stubborn, true);
    CHECK(t.once.idle() == 0);
    std::cout << "broken connections: " << t.rounds << '\n';
}
