// An object that each process has one of.
#pragma once

#include "support/process.hpp"

#include <atomic>
#include <memory>
#include <utility>

namespace azkv::support {

/// A `T` for the process that asks. What a parent had is left in its child as it was at the fork: its threads
/// may have been anywhere in it, with mutexes locked. Safe to share between threads. Takes no lock, which
/// might be held at a fork.
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

    /// The one of this process, which `make(parents)` makes when it is asked for the first time: a
    /// `std::unique_ptr<T>`. More than one may be made, if several threads ask; one of them stays.
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
        owned* parents = nullptr; // still refers to it, for those who search for leaks
    };

    static bool is_here(const owned& o) { return o.process == process_number(); }

    std::atomic<owned*> last_;
};

} // namespace azkv::support
