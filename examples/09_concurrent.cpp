// Several processes that write the same keys: a counter, jobs that are done once, and a lock with a lease.
// Start as many as you like at the same time: 09_concurrent NAME COUNT

#include <azkv.hpp>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>
#include <thread>

namespace {

std::int64_t now_in_ms() {
    const auto since_1970 = std::chrono::system_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::milliseconds>(since_1970).count();
}

void count(azkv::blocking_store& db) {
    const auto add_one = [](std::optional<azkv::value>& v) {
        if (!v) v.emplace();
        (*v)["visits"] = v->contains("visits") ? v->at("visits").to_number<int>() + 1 : 1;
    };
    db.update("ada", add_one, "visitors");
}

void rename(azkv::blocking_store& db) {
    auto row = db.get_entry("ada", "visitors");
    row->value()["name"] = "Ada Lovelace";
    if (!db.replace(*row, "visitors")) std::cout << "somebody was faster\n";
}

// Whoever inserts the key does the job. It stays, so that the job is not done again.
void do_job(azkv::blocking_store& db) {
    if (db.insert("job-17", {{"owner", "me"}}, "jobs")) std::cout << "the job is mine\n";
}

constexpr std::int64_t lease_in_ms = 5'000;

// Takes a lock, or waits until its lease is over. Returns its token, a number that grows with each owner:
// what the lock protects refuses a lower token than it has seen, so that an owner whose lease is over does no
// harm.
std::int64_t lock(azkv::blocking_store& db, const std::string& owner) {
    for (;;) {
        bool mine = false;
        std::int64_t token = 0;
        db.update(
            "lock",
            [&](std::optional<azkv::value>& v) {
                if (!v) v.emplace();
                mine = !v->contains("until") || v->at("until").to_number<std::int64_t>() < now_in_ms();
                if (!mine) return;
                token = v->contains("token") ? v->at("token").to_number<std::int64_t>() + 1 : 1;
                *v = {{"owner", owner}, {"token", token}, {"until", now_in_ms() + lease_in_ms}};
            },
            "locks");
        if (mine) return token;
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
}

// Does nothing if the lease was over and another owner has the lock.
void unlock(azkv::blocking_store& db, std::int64_t token) {
    db.update(
        "lock",
        [&](std::optional<azkv::value>& v) {
            if (v && v->at("token") == token) (*v)["until"] = 0;
        },
        "locks");
}

} // namespace

int main(int argc, char** argv) {
    try {
        const std::string name = argc > 1 ? argv[1] : "one";
        const int times = argc > 2 ? std::atoi(argv[2]) : 10;
        const char* const service = std::getenv("AZKV_CONNECTION_STRING");
        auto db =
            azkv::blocking_store::from_connection_string(service ? service : "UseDevelopmentStorage=true");
        for (int i = 0; i < times; ++i) count(db);
        rename(db);
        do_job(db);
        const std::int64_t token = lock(db, name);
        std::cout << name << " has the lock with token " << token << '\n';
        unlock(db, token);
        std::cout << "visits: " << db.get("ada", "visitors")->at("visits") << '\n';
    } catch (const azkv::error& e) {
        std::cerr << e.what() << '\n';
        return EXIT_FAILURE;
    }
}
