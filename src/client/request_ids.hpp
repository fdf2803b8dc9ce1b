// Unique ids of operations and batches.
#pragma once

#include "async/fork_watch.hpp"
#include "support/uuid_text.hpp"

#include <memory>

namespace azkv::client {

/// Random UUIDs. Safe to share between threads.
class request_ids {
public:
    /// `process` is the owner of the store's execution context.
    explicit request_ids(const async::context_owner& process);
    ~request_ids();

    /// Returns a new UUID. A forked child gets others than its parent, or the nil UUID if it has not called
    /// the context's `notify_fork`, in which case it cannot send anything.
    uuid_text next();

private:
    class generator;

    const async::context_owner process_;
    std::unique_ptr<generator> generator_;
};

} // namespace azkv::client
