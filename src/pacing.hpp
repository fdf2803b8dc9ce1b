// Whose request goes when, to partitions that throttle.
#pragma once

#include "async/event.hpp"
#include "async/gate.hpp"
#include "protocol/pace.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace azkv {

namespace asio = boost::asio;

/// The paces of those partitions of an account that throttle; of the others it knows nothing. Safe to share
/// between threads. It needs nobody who runs it: the first in line looks at the clock for all behind it, and
/// whoever joins, leaves or is answered looks, too.
class pacing {
public:
    using time_point = protocol::pace::time_point;
    using duration = protocol::pace::duration;

    /// What there is to tell of a pace.
    class change {
    public:
        double rate = 0; // entities a second; 0: it is over
        std::size_t waiting = 0;
        duration pause{0}; // until the next try
    };

    class turn;

private:
    using pace = protocol::pace;

    static void pump(pace& p, time_point now);

    std::mutex mutex_; // guards what follows, and the paces
    std::map<std::string, std::shared_ptr<pace>, std::less<>> paces_;
    std::atomic<bool> any_{false}; // written under the mutex
};

/// The place of one call to one partition. One thread at a time uses it.
class pacing::turn : public protocol::pace::call {
public:
    /// `owner` must outlive this, and so must `partition`, a name for it. `cost`: how many entities each
    /// request has.
    turn(pacing& owner, std::string_view partition, std::size_t cost)
        : call(cost), owner_(owner), partition_(partition) {}

    turn(const turn&) = delete;
    turn& operator=(const turn&) = delete;
    ~turn();

    /// Whether it may have to wait. As long as nothing is throttled that is all that it costs.
    bool is_needed() const { return pace_ || owner_.any_.load(std::memory_order_relaxed); }

    enum class outcome { go, late, closed };

    /// Waits until its request may be sent. Late: too little time is left until the deadline. Closed: the
    /// gate was cleared. Throws `operation_aborted` when cancelled.
    asio::awaitable<outcome> wait(asio::any_io_executor executor, std::shared_ptr<async::gate> gate,
                                  time_point deadline);

    /// The request was throttled.
    void refused(duration hint);

    /// The service answered otherwise.
    void accepted();

    /// There was no answer, or one that says nothing of the pace. `given_up`: after too long a time.
    void lost(bool given_up);

    /// How many wait at its partition, and how many entities a second are let go.
    change state() const;

    /// What there is to tell, once.
    std::optional<change> news() { return std::exchange(news_, std::nullopt); }

private:
    friend class pacing;

    std::shared_ptr<pace> find(time_point now);
    bool is_ready(time_point now, time_point& until);
    void leave(bool given_up);

    pacing& owner_;
    const std::string_view partition_;
    std::optional<change> news_;

    // Guarded by the owner's mutex.
    std::shared_ptr<pace> pace_;          // null: its partition has none
    std::shared_ptr<async::event> event_; // that it may have to look again; null while it does not wait
    time_point looks_;                    // at the latest, if it waits
    bool goes_ = false;                   // it was its turn
};

} // namespace azkv
