#include "client/key_lines.hpp"

#include "support/process.hpp"

#include <algorithm>
#include <utility>

namespace azkv::client {

key_lines::place::place(std::shared_ptr<key_lines> lines, std::string name)
    : process_(support::process_number()), lines_(std::move(lines)), name_(std::move(name)) {
    const std::lock_guard lock(lines_->mutex_);
    auto& line = lines_->lines_[name_];
    line.push_back(this);
    has_turn_ = line.size() == 1;
}

// In a forked child another thread of the parent may have held the mutex.
key_lines::place::~place() {
    if (process_ == support::process_number()) lines_->leave(*this);
}

asio::awaitable<bool> key_lines::place::wait(const asio::any_io_executor& executor,
                                             std::shared_ptr<async::operation_tracker> tracker,
                                             std::chrono::steady_clock::time_point deadline) {
    const auto event = std::make_shared<async::manual_reset_event>(executor);
    {
        const std::lock_guard lock(lines_->mutex_);
        if (has_turn_) co_return true;
        event_ = event;
    }
    const async::operation_tracker::abort_subscription closing(tracker, [event] { event->set(); });
    co_await event->wait(deadline);
    const std::lock_guard lock(lines_->mutex_);
    co_return has_turn_;
}

void key_lines::leave(place& p) {
    std::shared_ptr<async::manual_reset_event> next;
    {
        const std::lock_guard lock(mutex_);
        const auto found = lines_.find(p.name_);
        auto& line = found->second;
        const bool was_first = line.front() == &p;
        line.erase(std::ranges::find(line, &p));
        if (line.empty()) {
            lines_.erase(found);
        } else if (was_first) {
            line.front()->has_turn_ = true;
            next = line.front()->event_;
        }
    }
    if (next) next->set();
}

} // namespace azkv::client
