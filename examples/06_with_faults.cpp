// Tests a program against a table service in the same process, which fails on demand.

#include <azkv.hpp>
#include <azkv/emulator.hpp>

#include <cstdlib>
#include <exception>
#include <iostream>

namespace {

// The code under test: keeps counters in a table.
int count_up(azkv::blocking_store& db, const std::string& key) {
    const auto found = db.get(key, "counters");
    const int n = found ? static_cast<int>(found->at("n").as_int64()) + 1 : 1;
    db.put(key, {{"n", n}}, "counters");
    return n;
}

void expect(bool holds, const char* what) {
    std::cout << (holds ? "ok: " : "FAILED: ") << what << '\n';
    if (!holds) std::exit(EXIT_FAILURE);
}

} // namespace

int main() {
    try {
        azkv::emulator service;
        auto db = azkv::blocking_store::from_connection_string(service.connection_string());
        expect(count_up(db, "visits") == 1 && count_up(db, "visits") == 2, "the counter counts");

        service.faults(azkv::fault_plan().pass().then(azkv::fault::lose_answer()));
        expect(count_up(db, "visits") == 3,
               "the response to a write is lost: the write is repeated, and counted once");

        service.faults(azkv::fault_plan(42).sometimes(0.1, azkv::fault::reset()));
        for (int i = 0; i < 100; ++i) count_up(db, "visits");
        service.faults(azkv::fault_plan());
        expect(count_up(db, "visits") == 104, "a tenth of the connections break: no count is lost");
        std::cout << service.counters().requests << " requests, " << service.counters().faults
                  << " of them met a fault\n";
        return EXIT_SUCCESS;
    } catch (const std::exception& e) {
        std::cerr << e.what() << '\n';
        return EXIT_FAILURE;
    }
}
