#include "async/fork_watch.hpp"
#include "async/only_terminal.hpp"
#include "async/operation_tracker.hpp"
#include "client/telemetry.hpp"
#include "store/blocking_impl.hpp"
#include "store/store_impl.hpp"

#include <azkv/error.hpp>

#include <chrono>
#include <utility>

namespace azkv {

namespace {

using std::chrono::steady_clock;

// Limits the wait for aborted operations.
constexpr std::chrono::seconds abort_time{1};

asio::awaitable<async::outcome<bool>> close(std::shared_ptr<const client::store_core> core,
                                            std::chrono::milliseconds limit) {
    if (limit.count() < 0 || limit > std::chrono::hours(24 * 365))
        throw error(errc::invalid_argument, "close: the limit must be from 0 to a year");
    if (*core->sender->process() != support::process_number())
        throw error(errc::forked, "close: " + std::string(async::fork_advice));
    const std::shared_ptr<const client::service_context> service = core->sender->service();
    const std::shared_ptr<async::operation_tracker> tracker = service->tracker;
    const asio::any_io_executor executor = core->executor;
    tracker->stop_accepting();
    const bool aborted_before = tracker->has_aborted_any();
    const bool finished =
        co_await async::operation_tracker::wait_idle(tracker, executor, steady_clock::now() + limit);
    tracker->abort_all(); // which closes the connections, too
    if (!finished)
        co_await async::operation_tracker::wait_idle(tracker, executor, steady_clock::now() + abort_time);
    client::log(service->options, log_level::info,
                finished ? "the store was closed" : "the store was closed, and operations were aborted");
    co_return finished && !aborted_before;
}

} // namespace

asio::awaitable<bool> store::close(std::chrono::milliseconds limit) {
    return async::only_terminal(azkv::close(impl_, limit));
}

bool blocking_store::close(std::chrono::milliseconds limit) {
    const bool finished = impl_->run([&](store& s) { return s.close(limit); });
    impl_->sessions().drop_free();
    return finished;
}

} // namespace azkv
