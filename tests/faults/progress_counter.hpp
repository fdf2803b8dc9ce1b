// An observer that counts the requests and retries of a store.
#pragma once

#include <azkv/event.hpp>

#include <atomic>
#include <cstddef>

namespace azkv::test {

/// Counts what a store reports to its observer. It must outlive the store.
class progress_counter {
public:
    void operator()(const event& e) {
        if (e.kind == event_kind::operation) {
            ++operations;
            return;
        }
        ++attempts;
        if (e.attempt == 1) ++requests;
        if (e.retried) ++retries;
    }

    std::atomic<std::size_t> operations{0};
    std::atomic<std::size_t> attempts{0};
    std::atomic<std::size_t> requests{0}; // each counted once, however often it is sent
    std::atomic<std::size_t> retries{0};
};

} // namespace azkv::test
