#pragma once

#include "faults/pooled_store.hpp"

#include <boost/asio/io_context.hpp>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace azkv::test {

/// A store, and whom it talks to, or fails to.
class scene {
public:
    scene(pooled_store s, unsigned short port, std::shared_ptr<void> peer = nullptr)
        : stage(std::move(s)), port(port), peer_(std::move(peer)) {}

    pooled_store stage;
    unsigned short port; // where its connections lead to; 0: it gets to none

private:
    std::shared_ptr<void> peer_;
};

/// A place where an operation waits, if nobody ends that, for ever.
class place {
public:
    using setting = std::function<scene(asio::io_context&, store_options)>;
    using operation = std::function<asio::awaitable<void>(store)>;

    place(std::string name, setting set, operation run)
        : name(std::move(name)), set(std::move(set)), run(std::move(run)) {}

    std::string name;
    setting set;
    operation run;
    int tries = 100;             // how many at once are sensible
    std::string doing;           // what it is at, in the words of the error; empty: no words for it
    bool may_be_applied = false; // what it was asked for
    bool gives_up = false;       // at once, where it sees that the deadline will pass
};

const std::vector<place>& all_places();

/// Lets host look-ups that hang return, so that their execution context can end.
void release_look_ups();

} // namespace azkv::test
