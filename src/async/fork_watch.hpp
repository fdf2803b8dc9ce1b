// Whether an execution context can be used in this process, or still belongs to the one that it was forked
// from.
#pragma once

#include <boost/asio/any_io_executor.hpp>

#include <atomic>
#include <memory>
#include <string_view>

namespace azkv::async {

namespace asio = boost::asio;

/// The number of the process that may use an execution context.
using context_owner = std::shared_ptr<const std::atomic<unsigned>>;

/// That of the context of `executor`; lasts longer than the context, if need be. A child becomes the owner
/// when the context is made ready for it, by `notify_fork`. Without that it would wait on the same
/// descriptors as its parent, and set the same timer.
context_owner owner_of_context(const asio::any_io_executor& executor);

/// What a caller in a child should have done.
inline constexpr std::string_view fork_advice =
    "this process was forked, and the store's execution context was not told; call its "
    "notify_fork(fork_child), or make a new context and a store on it";

} // namespace azkv::async
