#pragma once

#include <azkv/emulator.hpp>

#include <boost/asio/any_io_executor.hpp>

#include <functional>
#include <memory>

namespace azkv::emulation {

/// The network's half of an emulator: listens, speaks HTTP, plays faults.
/// Thread safety: the members may be called from any thread.
class server {
public:
    virtual ~server() = default;

    virtual unsigned short port() const = 0;
    virtual emulator_counters counters() const = 0;

    /// Takes the port. Throws `boost::system::system_error`. Not twice without `stop` in between.
    virtual void start() = 0;

    /// Closes the port and all connections, on the server's executor; then calls `done`.
    virtual void stop(std::function<void()> done) = 0;

    /// Takes effect with the next request that begins.
    virtual void faults(fault_plan) = 0;
};

/// One that is started. Its connections keep it alive, until it is stopped.
std::shared_ptr<server> make_server(boost::asio::any_io_executor, const emulator_options&);

} // namespace azkv::emulation
