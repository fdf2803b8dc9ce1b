// Writes to private keys, and a model of what the table must hold afterwards.
#pragma once

#include <azkv/store.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace azkv::test {

/// Writes to keys that no other writer uses, and records what must be stored afterwards.
class workload {
public:
    /// What may be stored under a key: one of these versions; 0: no entity.
    using model = std::map<std::string, std::set<std::uint64_t>>;

    /// `attempt_timeout` is the store's.
    workload(int id, std::chrono::milliseconds attempt_timeout);

    /// Writes this many keys, or a few more.
    asio::awaitable<void> write(store db, std::size_t how_many);

    const model& expected() const { return model_; }

    std::size_t written = 0; // keys, whether acknowledged or not
    std::size_t failed = 0;  // operations
    std::size_t unknown = 0; // operations among these whose outcome is unknown
    std::size_t wrong = 0;   // erases that did not find the entity

private:
    asio::awaitable<void> put(store db);
    asio::awaitable<void> put_all(store db);
    asio::awaitable<void> erase(store db);

    std::size_t random(std::size_t below) { return random_() % below; }

    std::string new_key();
    void acknowledged(const std::string& key, std::uint64_t version);
    void in_doubt(const std::string& key, std::uint64_t version);
    void retire(const std::string& key);

    const int id_;
    const std::chrono::milliseconds attempt_timeout_;
    std::minstd_rand random_;
    int keys_made_ = 0;
    std::uint64_t version_ = 0;
    std::vector<std::string> keys_; // keys to write to
    model model_;                   // of these and all before
};

} // namespace azkv::test
