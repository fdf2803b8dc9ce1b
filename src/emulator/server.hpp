#pragma once

#include <azkv/emulator.hpp>

#include <boost/asio/any_io_executor.hpp>

#include <functional>
#include <memory>

namespace azkv::emulation {

/// The network's half of an emulator: listens, speaks HTTP, plays faults.
/// Thread safety: `port`, `counters` and `run_on_strand` may be called from any thread, the rest on the
/// strand only.
class server {
public:
    virtual ~server() = default;

    virtual unsigned short port() const = 0;
    virtual emulator_counters counters() const = 0;
    virtual void run_on_strand(std::function<void()>) = 0;

    virtual void faults(fault_plan) = 0;
    virtual void start() = 0; // throws boost::system::system_error
    virtual void stop() = 0;
};

/// One that has its port, but is not started. Its connections keep it alive, until it is stopped.
std::shared_ptr<server> make_server(boost::asio::any_io_executor, const emulator_options&);

} // namespace azkv::emulation
