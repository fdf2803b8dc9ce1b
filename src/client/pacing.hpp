// Pacing between threads: when the requests to throttled partitions may be sent.
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

/// The paces of the throttled partitions of an account; the other partitions have none. Safe to share between
/// threads. It needs no background task: the first ticket in the queue waits for the time at which requests
/// are due and admits the tickets behind it. Tickets that join, leave or receive a response admit others,
/// too. Each waiting ticket also checks once a second, in case the executor of the first is no longer run.
class pacing {
public:
    using time_point = protocol::pace::time_point;
    using duration = protocol::pace::duration;

    /// A report on a pace.
    class summary {
    public:
        std::string collection;
        double rate = 0; // entities per second; 0: no longer throttled
        std::size_t waiting = 0;
        duration pause{0}; // until the next request is sent
    };

    class ticket;

    /// `most_waiting` limits the calls that wait at one partition.
    explicit pacing(std::size_t most_waiting) : most_waiting_(most_waiting) {}

private:
    using pace = protocol::pace;

    class by_text {
    public:
        using is_transparent = void;

        template <class Left, class Right>
        bool operator()(const Left& a, const Right& b) const {
            using names = std::pair<std::string_view, std::string_view>;
            return names(a.first, a.second) < names(b.first, b.second);
        }
    };

    // By collection and partition.
    using paces = std::map<std::pair<std::string, std::string>, std::shared_ptr<pace>, by_text>;

    static void admit_due(pace& p, time_point now);

    const std::size_t most_waiting_;
    std::mutex mutex_; // guards what follows, and the paces
    paces paces_;
    time_point next_sweep_;              // when to look for finished ones again: there may be many
    std::atomic<bool> has_paces_{false}; // written under the mutex
};

/// One call's place in the queue of a partition. Used by one thread at a time.
class pacing::ticket : public protocol::pace::call {
public:
    /// All arguments but `cost` must outlive this: `process` is the owner of the execution context. `cost` is
    /// the number of entities in each request. (The creation of a table, which is rare, counts the same.)
    ticket(pacing& owner, const std::atomic<unsigned>& process, std::string_view collection,
           std::string_view partition, std::size_t cost)
        : call(cost), owner_(owner), process_(process), collection_(collection), partition_(partition) {}

    ticket(const ticket&) = delete;
    ticket& operator=(const ticket&) = delete;
    ~ticket();

    /// Returns true if the call may have to wait. As long as no partition is throttled, pacing costs only
    /// this.
    bool is_needed() const { return pace_ || owner_.has_paces_.load(std::memory_order_relaxed); }

    /// Drops the pace of the partition if it is no longer needed, and now and then all others. Adds a report
    /// on each collection that is no longer throttled.
    void drop_finished();

    enum class result { admitted, late, overloaded, closed };

    /// Waits until the request may be sent. Late: too little time is left until the deadline. Overloaded: too
    /// many calls wait already. Closed: the tracker aborted its operations. Throws `operation_aborted` when
    /// cancelled.
    asio::awaitable<result> wait(asio::any_io_executor executor,
                                 std::shared_ptr<async::operation_tracker> tracker, time_point deadline);

    /// Returns true if the call takes part in a pace.
    bool is_paced() const { return pace_ != nullptr; }

    /// The request was throttled.
    void refused(duration hint);

    /// The service responded and did not throttle the request.
    void accepted();

    /// No response arrived, or one that says nothing about the pace. `given_up` means that the request took
    /// too long.
    void lost(bool given_up);

    /// Returns how many calls wait at its partition, and the rate.
    summary summarize() const;

    /// Returns the reports since the last call.
    std::vector<summary> take_reports() { return std::exchange(reports_, {}); }

private:
    friend class pacing;

    void drop_finished(time_point now);
    paces::iterator drop_if_finished(paces::iterator at, time_point now);
    std::shared_ptr<pace> find_pace() const;
    bool is_ready(time_point now, time_point& until);
    void leave(bool given_up);

    pacing& owner_;
    const std::atomic<unsigned>& process_;
    const std::string_view collection_;
    const std::string_view partition_;
    std::vector<summary> reports_;

    // Guarded by the owner's mutex.
    std::shared_ptr<pace> pace_;                       // null: not throttled
    std::shared_ptr<async::manual_reset_event> event_; // set when it must check again; null unless it waits
    time_point next_check_;                            // if it waits
    bool admitted_ = false;                            // its request may be sent
};

} // namespace azkv::client
