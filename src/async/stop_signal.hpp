// Cancels a coroutine from outside, at any time.
#pragma once

#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>

namespace azkv::async {

namespace asio = boost::asio;

/// Cancels a coroutine that was spawned with this signal's slot, even before its first step. (Asio's own
/// signal must not be emitted before that: the exception would leave through the execution context;
/// Boost 1.81, `co_spawn_entry_point`.) Not thread-safe: use it on the coroutine's executor.
class stop_signal {
public:
    asio::cancellation_slot slot() { return signal_.slot(); }

    void emit() {
        emitted_ = true;
        if (begun_) signal_.emit(asio::cancellation_type::terminal);
    }

    /// The coroutine calls this first. Throws `operation_aborted` if the signal was emitted already.
    void begin() {
        begun_ = true;
        if (emitted_) throw boost::system::system_error(asio::error::operation_aborted);
    }

private:
    asio::cancellation_signal signal_;
    bool begun_ = false;
    bool emitted_ = false;
};

} // namespace azkv::async
