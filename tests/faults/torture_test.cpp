// Connections that break at every byte of every request and of every answer. Whatever happens, what the
// caller is told is true of the table.

#include "faults/pooled_store.hpp"
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

// Under the sanitizers, which are slow, one byte of so many. It is odd, so that over all of the requests
// every place of a header is met.
constexpr std::size_t step = sanitized ? 3 : 1;

using contents = std::map<std::string, value>;

/// What one transaction makes of keys; nothing: it erases them.
using transaction = std::map<std::string, std::optional<value>>;

/// A put_all of `n` pairs whose values are `number`.
std::vector<std::pair<std::string, value>> pairs(int n, int number) {
    std::vector<std::pair<std::string, value>> all;
    for (int i = 0; i < n; ++i) all.emplace_back("k" + std::to_string(i), numbered(number));
    return all;
}

/// An operation under test. It is run often; `round` tells one time from the other.
class trial {
public:
    trial(std::string name, std::size_t requests) : name(std::move(name)), requests(requests) {}

    virtual ~trial() = default;

    /// Throws what the store throws; checks the result.
    virtual asio::awaitable<void> run(store db, int round) const = 0;

    virtual std::string collection(int) const { return "data"; }

    /// What the table must hold when it begins; nullopt: that does not matter.
    virtual std::optional<contents> beginning() const { return std::nullopt; }

    /// What it does, if all of it is done. Reads have none.
    virtual std::vector<transaction> changes(int) const { return {}; }

    const std::string name;
    const std::size_t requests; // how many it sends when nothing goes wrong
};

class put final : public trial {
public:
    put() : trial("put", 1) {}

    asio::awaitable<void> run(store db, int round) const override {
        return db.put("k", numbered(round), collection(round));
    }

    std::vector<transaction> changes(int round) const override { return {{{"k", numbered(round)}}}; }
};

class put_in_new_table final : public trial {
public:
    put_in_new_table() : trial("put that makes its table", 3) {}

    std::string collection(int round) const override { return "t" + std::to_string(1'000'000 + round); }

    asio::awaitable<void> run(store db, int round) const override {
        return db.put("k", numbered(round), collection(round));
    }

    std::vector<transaction> changes(int round) const override { return {{{"k", numbered(round)}}}; }
};

class put_all final : public trial {
public:
    put_all(std::string name, int pairs, int batch_size)
        : trial(std::move(name), static_cast<std::size_t>(pairs / batch_size)), pairs_(pairs),
          batch_size_(batch_size) {}

    asio::awaitable<void> run(store db, int round) const override {
        return db.put_all(pairs(pairs_, round), collection(round), static_cast<std::size_t>(batch_size_));
    }

    std::vector<transaction> changes(int round) const override {
        std::vector<transaction> all;
        int n = 0;
        for (auto& [key, v] : pairs(pairs_, round)) {
            if (n++ % batch_size_ == 0) all.emplace_back();
            all.back().emplace(key, v);
        }
        return all;
    }

private:
    int pairs_;
    int batch_size_;
};

class erase final : public trial {
public:
    explicit erase(bool present)
        : trial(present ? "erase" : "erase of what is not there", 1), present_(present) {}

    // With an answer lost, what was not there and what is not there any more look the same.
    asio::awaitable<void> run(store db, int round) const override {
        const bool was_there = co_await db.erase("k", collection(round));
        if (present_) CHECK(was_there);
    }

    std::optional<contents> beginning() const override {
        return present_ ? contents{{"k", numbered(0)}} : contents();
    }

    std::vector<transaction> changes(int) const override { return {{{"k", std::nullopt}}}; }

private:
    bool present_;
};

class get final : public trial {
public:
    get() : trial("get", 1) {}

    asio::awaitable<void> run(store db, int round) const override {
        const auto v = co_await db.get("k", collection(round));
        CHECK(v == numbered(0));
    }

    std::optional<contents> beginning() const override { return contents{{"k", numbered(0)}}; }
};

const contents three{{"a", numbered(1)}, {"b", numbered(2)}, {"c", numbered(3)}};

class get_all final : public trial {
public:
    get_all() : trial("get_all", 2) {}

    asio::awaitable<void> run(store db, int round) const override {
        const auto all = co_await db.get_all(collection(round));
        CHECK(all == three);
    }

    std::optional<contents> beginning() const override { return three; }
};

class query final : public trial {
public:
    query() : trial("query", 2) {}

    asio::awaitable<void> run(store db, int round) const override {
        contents all;
        auto rows = db.query("i ge 1", collection(round));
        while (auto row = co_await rows.next()) CHECK(all.emplace(row->key(), row->value()).second);
        CHECK(all == three);
    }

    std::optional<contents> beginning() const override { return three; }
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
        for (std::size_t r = 0; r < op.requests; ++r) {
            for (std::size_t n = 0; n <= sizes[r]; n += step)
                meet(op, s, r, fault::cut_request(n), "cut_request", n, !tries_again);
            meet(op, s, r, fault::reset(), "reset", 0, !tries_again);
            meet(op, s, r, fault::lose_answer(), "lose_answer", 0, !tries_again);
            std::size_t n = 0;
            if (tries_again) {
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
        for (const transaction& t : op.changes(rounds)) {
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
        const auto beginning = op.beginning();
        if (!beginning || *beginning == now_) return;
        for (const auto& [key, v] : now_)
            if (!beginning->contains(key)) test::run(context, witness_.erase(key, collection_));
        for (const auto& [key, v] : *beginning) test::run(context, witness_.put(key, v, collection_));
        now_ = *beginning;
    }

    contents read(const trial& op) { return test::run(context, witness_.get_all(op.collection(rounds))); }

    store witness_ = store::from_connection_string(context.get_executor(), service.connection_string());
    std::string collection_;
    contents now_;                                                       // what is in it
    std::map<std::pair<std::string, std::size_t>, std::size_t> answers_; // how long they are
};

std::vector<std::unique_ptr<trial>> all_operations() {
    std::vector<std::unique_ptr<trial>> all;
    all.push_back(std::make_unique<put>());
    all.push_back(std::make_unique<put_in_new_table>());
    all.push_back(std::make_unique<put_all>("put_all of one transaction", 3, 3));
    all.push_back(std::make_unique<put_all>("put_all of two transactions", 4, 2));
    all.push_back(std::make_unique<erase>(true));
    all.push_back(std::make_unique<erase>(false));
    all.push_back(std::make_unique<get>());
    all.push_back(std::make_unique<get_all>());
    all.push_back(std::make_unique<query>());
    return all;
}

} // namespace

TEST_CASE("a connection that breaks at any byte never makes the store say what is not true") {
    torture t;
    test::run(t.context, t.once.db.put("k", numbered(0))); // makes the table
    for (const auto& op : all_operations()) t.break_everywhere(*op, t.once, false);
    for (const auto& op : all_operations()) t.break_everywhere(*op, t.stubborn, true);
    CHECK(t.once.idle() == 0);
    std::cout << "broken connections: " << t.rounds << '\n';
}
