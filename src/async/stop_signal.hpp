// What ends a coroutine from outside.
#pragma once

#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>

namespace azkv::async {

namespace asio = boost::asio;

/// Cancels a coroutine that was begun with `co_spawn` and this signal's slot, whether it has had its first
/// step or not. (Asio's own signal must not come before that: then the exception that tells of it leaves
/// through the execution context; Boost 1.81, `co_spawn_entry_point`.) Used where the coroutine runs.
class stop_signal {
public:
    asio::cancellation_slot slot() { return signal_.slot(); }

    void emit() {
        emitted_ = true;
        if (begun_) signal_.emit(asio::cancellation_type::terminal);
    }

    /// The first thing that the coroutine does. Throws `operation_aborted` if it was ended before.
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
