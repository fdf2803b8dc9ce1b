// Whose request goes when, to partitions that throttle.
#pragma once

#include "async/manual_reset_event.hpp"
#include "async/operation_tracker.hpp"
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
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace azkv::client {

namespace asio = boost::asio;

/// The paces of those partitions of an account that throttle; of the others it knows nothing. Safe to share
/// between threads. It needs nobody who runs it: the first in line looks at the clock for all behind it,
/// whoever joins, leaves or is answered looks, too, and once a second everybody does, lest the first should
/// be dead.
class pacing {
public:
    using time_point = protocol::pace::time_point;
    using duration = protocol::pace::duration;

    /// What there is to tell of a pace.
    class summary {
    public:
        std::string partition;
        double rate = 0; // entities a second; 0: it is over
        std::size_t waiting = 0;
        duration pause{0}; // until the next try
    };

    class ticket;

    /// `most_waiting`: calls, at one partition.
    explicit pacing(std::size_t most_waiting) : most_waiting_(most_waiting) {}

private:
    using pace = protocol::pace;

    static void pump(pace& p, time_point now);

    const std::size_t most_waiting_;
    std::mutex mutex_; // guards what follows, and the paces
    std::map<std::string, std::shared_ptr<pace>, std::less<>> paces_;
    std::atomic<bool> any_{false}; // written under the mutex
};

/// The place of one call to one partition. One thread at a time uses it.
class pacing::ticket : public protocol::pace::call {
public:
    /// `owner` must outlive this, and so must `partition`, a name for it, and `process`, which may do the
    /// work. `cost`: how many entities each request has.
    ticket(pacing& owner, const std::atomic<unsigned>& process, std::string_view partition, std::size_t cost)
        : call(cost), owner_(owner), process_(process), partition_(partition) {}

    ticket(const ticket&) = delete;
    ticket& operator=(const ticket&) = delete;
    ~ticket();

    /// Whether it may have to wait. As long as nothing is throttled that is all that it costs.
    bool is_needed() const { return pace_ || owner_.any_.load(std::memory_order_relaxed); }

    /// Drops what is not needed any more; then there is something to tell.
    void look();

    enum class result { go, late, overloaded, closed };

    /// Waits until its request may be sent. Late: too little time is left until the deadline.
    /// Overloaded: too many wait already. Closed: the tracker was cleared. Throws `operation_aborted` when
    /// cancelled.
    asio::awaitable<result> wait(asio::any_io_executor executor,
                                 std::shared_ptr<async::operation_tracker> tracker, time_point deadline);

    /// Whether its partition has a pace.
    bool is_paced() const { return pace_ != nullptr; }

    /// The request was throttled.
    void refused(duration hint);

    /// The service answered otherwise.
    void accepted();

    /// There was no answer, or one that says nothing of the pace. `given_up`: after too long a time.
    void lost(bool given_up);

    /// How many wait at its partition, and how many entities a second are let go.
    summary summarize() const;

    /// What there is to tell, once.
    std::vector<summary> take_news() { return std::exchange(news_, {}); }

private:
    friend class pacing;

    void drop_what_is_over(time_point now);
    std::shared_ptr<pace> find() const;
    bool is_ready(time_point now, time_point& until);
    void leave(bool given_up);

    pacing& owner_;
    const std::atomic<unsigned>& process_;
    const std::string_view partition_;
    std::vector<summary> news_;

    // Guarded by the owner's mutex.
    std::shared_ptr<pace> pace_; // null: its partition has none
    std::shared_ptr<async::manual_reset_event>
        event_;            // that it may have to look again; null while it does not wait
    time_point next_look_; // at the latest, if it waits
    bool may_go_ = false;  // its turn came
};

} // namespace azkv::client
