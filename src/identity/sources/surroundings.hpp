#pragma once

#include "net/transport.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace azkv::identity {

namespace asio = boost::asio;

/// A variable of the environment; one that is empty counts as none.
std::optional<std::string> process_variable(const char* name);

/// Lets that time pass. Cancellable.
asio::awaitable<void> pause_for(std::chrono::milliseconds);

/// What sources of tokens find around them. Tests make their own.
class surroundings {
public:
    using transport_maker = std::function<std::shared_ptr<net::transport>(const asio::any_io_executor&)>;

    surroundings() {}

    std::function<std::optional<std::string>(const char* name)> variable = &process_variable;

    transport_maker transport; // to authorities
    transport_maker direct;    // past any proxy, to what serves this machine alone

    std::function<asio::awaitable<void>(std::chrono::milliseconds)> pause = &pause_for;

    std::chrono::milliseconds timeout{120'000};        // for a token over the network, with retries
    std::chrono::milliseconds probe_timeout{1'000};    // for a virtual machine's service to show itself
    std::chrono::milliseconds process_timeout{13'000}; // for a developer tool

    // Where the agent of Azure Arc is, and where it puts its keys.
    std::string arc_agent = "/opt/azcmagent/bin/himds";
    std::string arc_keys = "/var/opt/azcmagent/tokens";

    std::string working_directory = "/bin"; // of developer tools: nobody else can put one there
};

} // namespace azkv::identity
