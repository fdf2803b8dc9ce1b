#include "async/operation_tracker.hpp"

#include "async/manual_reset_event.hpp"

#include <utility>

namespace azkv::async {

operation_tracker::abort_subscription::abort_subscription(std::shared_ptr<operation_tracker> tracker,
                                                          function f)
    : tracker_(std::move(tracker)) {
    if (!tracker_) return;
    const std::lock_guard lock(tracker_->mutex_);
    if (tracker_->aborted_) f();
    tracker_->subscribers_.push_front(std::move(f));
    at_ = tracker_->subscribers_.begin();
}

operation_tracker::abort_subscription::~abort_subscription() {
    if (!tracker_) return;
    std::list<function> removed; // what it holds is destroyed after the mutex is released
    const std::lock_guard lock(tracker_->mutex_);
    removed.splice(removed.begin(), tracker_->subscribers_, at_);
}

class operation_tracker::idle_waiter {
public:
    idle_waiter(operation_tracker& t, std::shared_ptr<manual_reset_event> e)
        : tracker_(t), event_(std::move(e)) {
        const std::lock_guard lock(tracker_.mutex_);
        tracker_.waiting_.push_back(event_);
    }

    idle_waiter(const idle_waiter&) = delete;
    idle_waiter& operator=(const idle_waiter&) = delete;

    ~idle_waiter() {
        const std::lock_guard lock(tracker_.mutex_);
        std::erase(tracker_.waiting_, event_);
    }

private:
    operation_tracker& tracker_;
    const std::shared_ptr<manual_reset_event> event_;
};

void operation_tracker::abort_all() {
    const std::lock_guard lock(mutex_);
    aborted_ = true;
    aborted_any_ = aborted_any_ || state_ > 1;
    for (const function& f : subscribers_) f();
}

bool operation_tracker::is_aborted() const {
    const std::lock_guard lock(mutex_);
    return aborted_;
}

bool operation_tracker::has_aborted_any() const {
    const std::lock_guard lock(mutex_);
    return aborted_any_;
}

asio::awaitable<bool> operation_tracker::wait_idle(std::shared_ptr<operation_tracker> self,
                                                   asio::any_io_executor executor, time_point deadline) {
    const auto idle = std::make_shared<manual_reset_event>(executor);
    const idle_waiter w(*self, idle);
    bool is_idle = self->state_ <= 1;
    if (!is_idle) is_idle = co_await idle->wait(deadline);
    co_return is_idle;
}

bool operation_tracker::try_begin() {
    const bool accepted = state_.fetch_add(2) % 2 == 0;
    if (!accepted) end();
    return accepted;
}

void operation_tracker::end() {
    if (state_.fetch_sub(2) != 3) return;
    const std::lock_guard lock(mutex_); // so that no waiter is destroyed while it is woken
    for (const std::shared_ptr<manual_reset_event>& e : waiting_) e->set();
}

} // namespace azkv::async
