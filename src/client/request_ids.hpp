// Ids for requests and batches.
#pragma once

#include "async/fork_watch.hpp"
#include "support/uuid_text.hpp"

#include <memory>

namespace azkv::client {

/// Random UUIDs. Safe to share between threads.
class request_ids {
public:
    /// `process`: the one that may use the store.
    explicit request_ids(const async::context_owner& process);
    ~request_ids();

    /// A new UUID. A forked child gets others than its parent; the nil UUID if its execution context was not
    /// told of the fork, because it cannot send anything then.
    uuid_text next();

private:
    class generator;

    const async::context_owner process_;
    std::unique_ptr<generator> generator_;
};

} // namespace azkv::client
