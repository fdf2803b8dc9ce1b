#pragma once

#include "async/cancellation.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <memory>
#include <utility>

namespace azkv::async {

namespace asio = boost::asio;

/// Runs `op` on `strand`, while the caller waits on its own executor. When the caller is cancelled, `abort`
/// is called on the strand: it must make `op` end soon, own what it touches, and do nothing if `op` has ended
/// already. (`co_spawn` would carry the cancellation over by itself, but in Boost 1.81 through an object that
/// the caller may have destroyed meanwhile.)
template <class Abort>
asio::awaitable<void> on_strand(asio::any_io_executor strand, asio::awaitable<void> op, Abort abort) {
    const asio::cancellation_state state = co_await asio::this_coro::cancellation_state;
    throw_if_cancelled(state);
    asio::cancellation_slot slot = state.slot();
    // The caller's signal may last longer than the execution context, so that it holds nothing of that.
    std::shared_ptr<const std::pair<asio::any_io_executor, Abort>> reached;
    if (slot.is_connected()) {
        reached = std::make_shared<const std::pair<asio::any_io_executor, Abort>>(strand, abort);
        slot.assign([weak = std::weak_ptr(reached)](asio::cancellation_type type) {
            const auto r = is_terminal(type) ? weak.lock() : nullptr;
            if (r) asio::post(r->first, r->second);
        });
    }
    co_await asio::co_spawn(strand, std::move(op),
                            asio::bind_cancellation_slot(asio::cancellation_slot(), asio::use_awaitable));
    if (slot.is_connected()) slot.clear();
}

} // namespace azkv::async
