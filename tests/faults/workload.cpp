#include "faults/workload.hpp"

#include "faults/checked_value.hpp"

#include <azkv/error.hpp>

#include <algorithm>
#include <utility>

namespace azkv::test {

using std::chrono::steady_clock;

namespace {

constexpr std::size_t keys_at_a_time = 16;

} // namespace

workload::workload(int id, std::chrono::milliseconds attempt_timeout)
    : id_(id), attempt_timeout_(attempt_timeout), random_(static_cast<unsigned>(id + 1)) {
    while (keys_.size() < keys_at_a_time) keys_.push_back(new_key());
}

std::string workload::new_key() {
    std::string key = std::to_string(id_) + '-' + std::to_string(++keys_made_);
    model_[key] = {0};
    return key;
}

asio::awaitable<void> workload::write(store db, std::size_t how_many) {
    while (written < how_many) {
        const std::size_t what = random(10);
        if (what < 6)
            co_await put(db);
        else if (what < 8)
            co_await put_all(db);
        else
            co_await erase(db);
    }
}

void workload::acknowledged(const std::string& key, std::uint64_t version) {
    model_[key] = {version};
}

void workload::in_doubt(const std::string& key, std::uint64_t version) {
    model_[key].insert(version);
    retire(key);
}

// An abandoned attempt may reach the service later, even after the next write to its key: that holds for all
// unconditional writes. So a key whose last write had such an attempt is not written again.
void workload::retire(const std::string& key) {
    const auto at = std::ranges::find(keys_, key);
    if (at != keys_.end()) *at = new_key();
}

asio::awaitable<void> workload::put(store db) {
    const std::string key = keys_[random(keys_.size())];
    const std::uint64_t version = ++version_;
    ++written;
    const auto begun = steady_clock::now();
    try {
        co_await db.put(key, checked_value(key, version));
        acknowledged(key, version);
    } catch (const error& e) {
        ++failed;
        if (e.outcome_unknown()) {
            ++unknown;
            in_doubt(key, version);
        }
    }
    if (steady_clock::now() - begun >= attempt_timeout_) retire(key);
}

asio::awaitable<void> workload::put_all(store db) {
    std::ranges::shuffle(keys_, random_);
    const std::vector<std::string> keys(keys_.begin(), keys_.begin() + 2 + static_cast<int>(random(6)));
    const std::size_t batch_size = 1 + random(keys.size());
    const std::uint64_t version = ++version_;
    written += keys.size();
    std::vector<std::pair<std::string, value>> pairs;
    for (const std::string& key : keys) pairs.emplace_back(key, checked_value(key, version));
    std::vector<std::string> not_written;
    std::vector<std::string> doubtful;
    const auto begun = steady_clock::now();
    try {
        co_await db.put_all(std::move(pairs), default_collection, batch_size);
    } catch (const put_all_error& e) {
        ++failed;
        if (e.outcome_unknown()) ++unknown;
        not_written = e.not_written();
        doubtful = e.unknown();
    }
    const bool late = steady_clock::now() - begun >= attempt_timeout_;
    for (const std::string& key : keys) {
        if (std::ranges::find(doubtful, key) != doubtful.end())
            in_doubt(key, version);
        else if (std::ranges::find(not_written, key) == not_written.end())
            acknowledged(key, version);
        if (late) retire(key);
    }
}

asio::awaitable<void> workload::erase(store db) {
    const std::string key = keys_[random(keys_.size())];
    const bool is_there = !model_[key].contains(0);
    ++written;
    const auto begun = steady_clock::now();
    try {
        const bool was_there = co_await db.erase(key);
        if (is_there && !was_there) ++wrong;
        acknowledged(key, 0);
    } catch (const error& e) {
        ++failed;
        if (e.outcome_unknown()) {
            ++unknown;
            in_doubt(key, 0);
        }
    }
    if (steady_clock::now() - begun >= attempt_timeout_) retire(key);
}

} // namespace azkv::test
