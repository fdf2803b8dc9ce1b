// A user's test.
#include <azkv.hpp>
#include <azkv/emulator.hpp>

#include <iostream>

int main() {
    azkv::emulator service;
    auto db = azkv::blocking_store::from_connection_string(service.connection_string());
    db.put("key", {{"n", 1}});
    service.faults(azkv::fault_plan().then(azkv::fault::lose_answer()));
    if (db.erase("key") && service.counters().faults == 1) std::cout << "tester works\n";
}
