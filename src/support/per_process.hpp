// One object for each process: a forked child gets its own.
#pragma once

#include "support/process.hpp"

#include <atomic>
#include <memory>
#include <utility>

namespace azkv::support {

/// Holds a `T` for the calling process. A child never touches the parent's object, in which other threads may
/// have been at the fork, with mutexes locked. Safe to share between threads. Takes no lock, since it might
/// be held at a fork.
template <class T>
class per_process {
public:
    explicit per_process(std::unique_ptr<T> first) : last_(new owned{std::move(first)}) {}

    per_process(const per_process&) = delete;
    per_process& operator=(const per_process&) = delete;

    ~per_process() {
        const owned* const last = last_;
        if (is_here(*last)) delete last;
    }

    /// Returns the object of this process. The first call of a child creates it by `make(object_of_parent)`,
    /// which returns a `std::unique_ptr<T>`. Concurrent first calls may create several, of which one is kept.
    template <class Make>
    T& here(Make make) {
        owned* last = last_;
        if (is_here(*last)) return *last->object;
        auto own = std::make_unique<owned>(make(std::as_const(*last->object)));
        own->parents = last;
        return last_.compare_exchange_strong(last, own.get()) ? *own.release()->object : *last->object;
    }

private:
    struct owned {
        explicit owned(std::unique_ptr<T> o) : object(std::move(o)) {}

        const unsigned process = process_number();
        const std::unique_ptr<T> object;
        owned* parents = nullptr; // keeps it reachable for leak checkers
    };

    static bool is_here(const owned& o) { return o.process == process_number(); }

    std::atomic<owned*> last_;
};

} // namespace azkv::support
