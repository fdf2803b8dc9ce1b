// Detects an execution context that a forked child has not made its own.
#pragma once

#include <boost/asio/any_io_executor.hpp>

#include <atomic>
#include <memory>
#include <string_view>

namespace azkv::async {

namespace asio = boost::asio;

/// The id of the process that may use an execution context.
using context_owner = std::shared_ptr<const std::atomic<unsigned>>;

/// Returns the owner of the context of `executor`. The result may outlive the context. A child becomes the
/// owner when it calls the context's `notify_fork`. Without that call it would wait on the same descriptors
/// as its parent and set the same timer.
context_owner owner_of_context(const asio::any_io_executor& executor);

/// The message for a caller in such a child.
inline constexpr std::string_view fork_advice = "the store's execution context belongs to the parent "
                                                "process; call its notify_fork(fork_child), or create a "
                                                "context and a store in this process";

} // namespace azkv::async
