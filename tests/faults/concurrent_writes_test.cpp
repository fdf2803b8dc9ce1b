// Many that write the same keys at once, while a tenth of the responses is lost and some requests are late.
// Nothing is counted twice, nothing has two winners, and who is told that it lost has not won.

#include "support/run.hpp"
#include "support/sanitized.hpp"

#include <azkv.hpp>
#include <azkv/emulator.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <iostream>
#include <optional>
#include <string>
#include <thread>
#include <vector>

using namespace azkv;
using namespace azkv::test;
using namespace std::chrono_literals;

namespace {

constexpr int writers = 8;

fault_plan faults() {
    fault_plan plan(20'260'229);
    plan.sometimes(0.05, fault::lose_answer().only_if(&fault::is_write));
    plan.sometimes(0.05, fault::reset().only_if(&fault::is_write)); // not applied
    plan.sometimes(0.02, fault::delay(30ms).only_if(&fault::is_write));
    return plan;
}

/// Writers with a store of their own, like so many processes, at one emulator.
class writers_of_one_table {
public:
    explicit writers_of_one_table(service_mode mode) : service(emulator_options().mode(mode)) {
        store().put("0", {}); // creates the table
    }

    blocking_store store() const {
        return blocking_store::from_connection_string(service.connection_string(),
                                                      store_options().backoff(1ms, 20ms).retry_budget(100));
    }

    template <class Work>
    void run(Work work) {
        std::vector<std::thread> threads;
        for (int w = 0; w < writers; ++w)
            threads.emplace_back([this, w, work] {
                blocking_store db = store();
                work(db, w);
            });
        for (auto& t : threads) t.join();
        service.faults();
    }

    emulator service;
};

void add_one(std::optional<value>& v) {
    if (!v) v.emplace();
    (*v)["n"] = v->contains("n") ? v->at("n").to_number<std::int64_t>() + 1 : 1;
}

/// What each writer was told of each key: whether it has won; nullopt if that is not known.
using answers = std::vector<std::vector<std::optional<bool>>>;

/// Who was told that it has won, has; who was told that it has lost, has not.
void check_truth(const answers& told, int key, int by) {
    for (int w = 0; w < writers; ++w) {
        const auto& answer = told[static_cast<std::size_t>(w)][static_cast<std::size_t>(key)];
        if (answer) CHECK(*answer == (w == by));
    }
}

} // namespace

TEST_CASE("increments are neither lost nor counted twice") {
    constexpr int rounds = sanitized ? 20 : 100;
    for (const auto mode : {service_mode::storage, service_mode::cosmos}) {
        for (const bool faulty : {false, true}) {
            writers_of_one_table all(mode);
            if (faulty) all.service.faults(faults());
            std::atomic<int> succeeded{0}, unknown{0}, other{0};
            all.run([&](blocking_store& db, int) {
                for (int i = 0; i < rounds; ++i) {
                    try {
                        db.update("counter", &add_one);
                        ++succeeded;
                    } catch (const error& e) {
                        ++(e.outcome_unknown() ? unknown : other);
                    }
                }
            });
            const auto sum = all.store().get("counter")->at("n").to_number<int>();
            CHECK(sum >= succeeded);
            CHECK(sum <= succeeded + unknown);
            if (!faulty) CHECK(succeeded == writers * rounds);
            CHECK(other == 0);
            CHECK(unknown <= writers * rounds / 100);
            std::cout << "increments: " << succeeded << " succeeded, " << unknown << " unknown, " << other
                      << " failed; " << sum << " counted\n";
        }
    }
}

TEST_CASE("an insert has one winner") {
    constexpr int keys = sanitized ? 40 : 300;
    for (const auto mode : {service_mode::storage, service_mode::cosmos}) {
        writers_of_one_table all(mode);
        all.service.faults(faults());
        std::vector<std::atomic<int>> winners(keys), doubts(keys);
        answers told(writers, std::vector<std::optional<bool>>(keys)); // whether it is theirs
        all.run([&](blocking_store& db, int w) {
            for (int k = 0; k < keys; ++k) {
                value v;
                v["by"] = w;
                try {
                    const bool mine = static_cast<bool>(db.insert("k" + std::to_string(k), v));
                    if (mine) ++winners[static_cast<std::size_t>(k)];
                    told[static_cast<std::size_t>(w)][static_cast<std::size_t>(k)] = mine;
                } catch (const error& e) {
                    CHECK(e.outcome_unknown());
                    ++doubts[static_cast<std::size_t>(k)];
                }
            }
        });
        int unclear = 0;
        for (std::size_t k = 0; k < keys; ++k) {
            CHECK(winners[k] <= 1);
            CHECK(winners[k] + doubts[k] >= 1);
            unclear += winners[k] == 0;
        }
        CHECK(all.store().get_all().size() == keys + 1);
        for (int k = 0; k < keys; ++k)
            check_truth(told, k, all.store().get("k" + std::to_string(k))->at("by").to_number<int>());
        std::cout << "inserts: " << keys - unclear << " of " << keys << " with a known winner\n";
    }
}

TEST_CASE("a version is claimed once, by replacing or by erasing it") {
    constexpr int rounds = sanitized ? 20 : 150;
    for (const bool erases : {false, true}) {
        writers_of_one_table all(service_mode::storage);
        std::vector<etag> versions;
        for (int r = 0; r < rounds; ++r) versions.push_back(all.store().put("k" + std::to_string(r), {}));
        all.service.faults(faults());
        std::vector<std::atomic<int>> winners(rounds), doubts(rounds);
        answers told(writers, std::vector<std::optional<bool>>(rounds));
        all.run([&](blocking_store& db, int w) {
            for (std::size_t r = 0; r < rounds; ++r) {
                const std::string key = "k" + std::to_string(r);
                try {
                    value v;
                    v["by"] = w;
                    const write_result mine =
                        erases ? db.erase(key, versions[r]) : db.replace(key, v, versions[r]);
                    if (mine) ++winners[r];
                    told[static_cast<std::size_t>(w)][r] = static_cast<bool>(mine);
                } catch (const error& e) {
                    CHECK(e.outcome_unknown());
                    ++doubts[r];
                }
            }
        });
        for (std::size_t r = 0; r < rounds; ++r) {
            CHECK(winners[r] <= 1);
            CHECK(winners[r] + doubts[r] >= 1);
        }
        const auto left = all.store().get_all();
        CHECK(left.size() == (erases ? 1 : rounds + 1));
        for (int r = 0; !erases && r < rounds; ++r)
            check_truth(told, r, left.at("k" + std::to_string(r)).at("by").to_number<int>());
    }
}
