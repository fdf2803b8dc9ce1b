#pragma once

#include "faults/pooled_store.hpp"

#include <boost/asio/io_context.hpp>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace azkv::test {

/// A store and its peer.
class test_setup {
public:
    test_setup(pooled_store s, unsigned short port, std::shared_ptr<void> peer = nullptr)
        : pooled(std::move(s)), port(port), peer_(std::move(peer)) {}

    pooled_store pooled;
    unsigned short port; // where its connections lead to; 0: it gets to none

private:
    std::shared_ptr<void> peer_;
};

/// A point at which an operation waits forever unless it is ended.
class wait_point {
public:
    using setting = std::function<test_setup(asio::io_context&, store_options)>;
    using operation = std::function<asio::awaitable<void>(store)>;

    wait_point(std::string name, setting set, operation run)
        : name(std::move(name)), set(std::move(set)), run(std::move(run)) {}

    std::string name;
    setting set;
    operation run;
    int tries = 100;             // how many at once are sensible
    std::string doing;           // what it is at, in the words of the error; empty: no words for it
    bool may_be_applied = false; // what it was asked for
    bool is_sent_before = false; // and answered: until then it may be applied
    bool gives_up = false;       // at once, where it sees that the deadline will pass
};

const std::vector<wait_point>& all_wait_points();

/// Lets host look-ups that hang return, so that their execution context can end.
void release_look_ups();

} // namespace azkv::test
