#include "pacing.hpp"

#include <algorithm>
#include <utility>

namespace azkv {

using std::chrono::steady_clock;

// Lets go whose turn it is. Then the first of the others has to be awake in time. Precondition: locked.
void pacing::pump(pace& p, time_point now) {
    while (pace::call* const c = p.next(now)) {
        auto& t = static_cast<turn&>(*c);
        t.goes_ = true;
        if (t.event_) t.event_->set();
    }
    auto* const first = static_cast<turn*>(p.first());
    if (first && first->event_ && p.when_next() < first->looks_) first->event_->set();
}

pacing::turn::~turn() {
    if (pace_) leave(false);
}

// The pace of the partition, if there is one that is not over. Precondition: locked.
std::shared_ptr<protocol::pace> pacing::turn::find(time_point now) {
    auto& all = owner_.paces_;
    const auto at = all.find(partition_);
    if (at == all.end()) return nullptr;
    if (!at->second->is_over(now)) return at->second;
    all.erase(at);
    owner_.any_ = !all.empty();
    news_ = change();
    return nullptr;
}

// Whether there is nothing more to wait for before `until`. Precondition: locked.
bool pacing::turn::is_ready(time_point now, time_point& until) {
    if (event_) event_->reset(); // before anything is looked at
    pump(*pace_, now);
    until = leaves();
    if (pace_->first() == this) until = std::min(until, pace_->when_next());
    looks_ = until;
    return goes_ || !is_linked() || now >= leaves();
}

asio::awaitable<pacing::turn::outcome>
pacing::turn::wait(asio::any_io_executor executor, std::shared_ptr<async::gate> gate, time_point deadline) {
    time_point until;
    std::shared_ptr<async::event> e;
    {
        const std::lock_guard lock(owner_.mutex_);
        const auto now = steady_clock::now();
        if (!is_linked() && !goes_) pace_ = find(now);
        if (!pace_) co_return outcome::go;
        if (!goes_) pace_->join(*this, pace_->leaving_time(now, deadline));
        if (!is_ready(now, until)) event_ = e = std::make_shared<async::event>(executor);
    }
    if (e) {
        const async::gate::notice cleared(gate, [e] { e->set(); });
        for (bool ready = false; !ready && !gate->is_cleared();) {
            co_await e->wait(until);
            const std::lock_guard lock(owner_.mutex_);
            ready = is_ready(steady_clock::now(), until);
        }
    }
    {
        const std::lock_guard lock(owner_.mutex_);
        event_.reset();
        if (std::exchange(goes_, false)) co_return outcome::go;
    }
    leave(false);
    co_return gate->is_cleared() ? outcome::closed : outcome::late;
}

void pacing::turn::refused(duration hint) {
    const auto now = steady_clock::now();
    const std::lock_guard lock(owner_.mutex_);
    const bool had_one = pace_ != nullptr;
    std::shared_ptr<pace> p = find(now);
    if (!p) {
        p = std::make_shared<pace>(now);
        owner_.paces_.emplace(partition_, p);
        owner_.any_ = true;
    }
    if (had_one && pace_ != p) pace_->leave(*this, now);
    pace_ = p;
    if (p->refused(*this, hint, now)) {
        news_.emplace();
        news_->rate = p->rate(now);
        news_->waiting = p->waiting();
        news_->pause = p->paused_until() - now;
    }
    pump(*p, now);
}

void pacing::turn::accepted() {
    if (!pace_) return;
    const auto now = steady_clock::now();
    const std::lock_guard lock(owner_.mutex_);
    pace_->accepted(*this, now);
    pump(*pace_, now);
    find(now); // it may have been the last that it was needed for
    pace_.reset();
}

void pacing::turn::lost(bool given_up) {
    if (pace_) leave(given_up);
}

void pacing::turn::leave(bool given_up) {
    const auto now = steady_clock::now();
    const std::lock_guard lock(owner_.mutex_);
    event_.reset();
    goes_ = false;
    pace_->leave(*this, now, given_up);
    pump(*pace_, now);
    pace_.reset();
}

pacing::change pacing::turn::state() const {
    const auto now = steady_clock::now();
    const std::lock_guard lock(owner_.mutex_);
    change c;
    const auto at = owner_.paces_.find(partition_);
    if (at == owner_.paces_.end()) return c;
    c.rate = at->second->rate(now);
    c.waiting = at->second->waiting();
    return c;
}

} // namespace azkv
