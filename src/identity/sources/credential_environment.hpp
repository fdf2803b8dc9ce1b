// What credentials take from their environment: variables, the network, time, paths.
#pragma once

#include "net/transport.hpp"

#include <azkv/secret.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>

namespace azkv::identity {

namespace asio = boost::asio;

/// Returns an environment variable of this process; nullopt if it is not set or is empty.
std::optional<std::string> process_variable(const char* name);

/// Waits. Cancellable.
asio::awaitable<void> pause_for(std::chrono::milliseconds);

/// The defaults are those of this process and machine. Tests replace them.
class credential_environment {
public:
    using transport_maker = std::function<std::shared_ptr<net::transport>(const asio::any_io_executor&)>;

    credential_environment() {}

    /// Returns the text of a variable; empty if it is not set.
    std::string variable_or_empty(const char* name) const;

    /// Does the same for a variable that holds a secret.
    secret secret_variable(const char* name) const;

    /// Returns true if a variable is `1` or `true`.
    bool is_switched_on(const char* name) const;

    /// Returns the names of the variables that are not set: `AZURE_TENANT_ID, AZURE_CLIENT_ID`.
    std::string missing_variables(std::initializer_list<const char*> names) const;

    std::function<std::optional<std::string>(const char* name)> variable = &process_variable;

    transport_maker transport; // to authorities
    transport_maker direct;    // to services of this machine: bypasses any proxy

    std::function<asio::awaitable<void>(std::chrono::milliseconds)> pause = &pause_for;

    std::chrono::milliseconds timeout{120'000};     // of a token over the network, with retries
    std::chrono::milliseconds probe_timeout{1'000}; // of the probe for a virtual machine's metadata service
    std::chrono::milliseconds process_timeout{13'000}; // of a developer tool

    // The agent of Azure Arc, and the directory where it puts its keys.
    std::string arc_agent = "/opt/azcmagent/bin/himds";
    std::string arc_keys = "/var/opt/azcmagent/tokens";

    std::string working_directory = "/bin"; // of developer tools; other users cannot put a program there
};

} // namespace azkv::identity
