// Whether an execution context can be used in this process, or still belongs to the one that it was forked
// from.
#pragma once

#include "support/process.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/query.hpp>

#include <atomic>
#include <memory>
#include <string_view>

namespace azkv::async {

namespace asio = boost::asio;

/// A service of an execution context, which learns from `notify_fork` that the context was made ready for a
/// child. Without that the child would wait on the same descriptors as its parent, and set the same timer.
/// (Hidden, as the function of Asio that finds it would be exported otherwise.)
class [[gnu::visibility("hidden")]] fork_watch final : public asio::execution_context::service {
public:
    using process = std::shared_ptr<const std::atomic<unsigned>>;

    inline static asio::execution_context::id id;

    /// What a caller in a child should have done.
    static constexpr std::string_view advice =
        "this process was forked, and the store's execution context was not told; call its "
        "notify_fork(fork_child) first, or make a store of this process";

    explicit fork_watch(asio::execution_context & context) : service(context) {}

    /// The process that may use the context of `executor`; lasts longer than the context, if need be.
    static process owner_of(const asio::any_io_executor& executor) {
        return asio::use_service<fork_watch>(asio::query(executor, asio::execution::context)).owner_;
    }

private:
    void shutdown() override {}

    void notify_fork(asio::execution_context::fork_event event) override {
        if (event == asio::execution_context::fork_child) *owner_ = support::process_number();
    }

    const std::shared_ptr<std::atomic<unsigned>> owner_ =
        std::make_shared<std::atomic<unsigned>>(support::process_number());
};

} // namespace azkv::async
