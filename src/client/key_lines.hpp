// Lines in which operations on one key wait for each other.
#pragma once

#include "async/manual_reset_event.hpp"
#include "async/operation_tracker.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

namespace azkv::client {

namespace asio = boost::asio;

/// Lets the updates of one key through one store pass one after another: each would only make the others lose
/// their race. Safe to share between threads.
class key_lines : public std::enable_shared_from_this<key_lines> {
public:
    /// A place in a line, which it leaves in the end.
    class place {
    public:
        place(std::shared_ptr<key_lines> lines, std::string name);
        ~place();

        place(const place&) = delete;
        place& operator=(const place&) = delete;

        /// Returns whether its turn came by the deadline. It does not if the operations of `tracker` are
        /// aborted. Throws `operation_aborted` when cancelled.
        asio::awaitable<bool> wait(const asio::any_io_executor& executor,
                                   std::shared_ptr<async::operation_tracker> tracker,
                                   std::chrono::steady_clock::time_point deadline);

    private:
        friend class key_lines;

        const unsigned process_;
        const std::shared_ptr<key_lines> lines_;
        const std::string name_;
        std::shared_ptr<async::manual_reset_event> event_; // null until it waits
        bool has_turn_ = false;                            // guarded by the lines' mutex
    };

private:
    void leave(place& p);

    std::mutex mutex_;
    std::unordered_map<std::string, std::deque<place*>> lines_; // the first has its turn
};

} // namespace azkv::client
