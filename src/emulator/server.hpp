// The network side of the emulator: HTTP, TLS and faults.
#pragma once

#include <azkv/emulator.hpp>

#include <boost/asio/any_io_executor.hpp>

#include <functional>
#include <memory>

namespace azkv::emulation {

/// Listens, serves HTTP, injects faults. Any thread may call the members.
class server {
public:
    virtual ~server() = default;

    virtual unsigned short port() const = 0;
    virtual emulator_counters counters() const = 0;

    /// Opens the port. Throws `boost::system::system_error`. Precondition: not started, or stopped.
    virtual void start() = 0;

    /// Closes the port and all connections on the server's executor, then calls `done`.
    virtual void stop(std::function<void()> done) = 0;

    /// Takes effect when the next request begins.
    virtual void faults(fault_plan) = 0;
};

/// Returns a started server. Its connections keep it alive until it is stopped.
std::shared_ptr<server> make_server(boost::asio::any_io_executor, const emulator_options&);

} // namespace azkv::emulation
