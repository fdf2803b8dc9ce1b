// Runs the program `azkv-emulator` as a child process.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <sys/types.h>
#include <vector>

namespace azkv::test {

/// The program `azkv-emulator` in a process of its own, which ends with the object, and with its parent.
class emulator_process {
public:
    /// Returns when the program accepts connections. Throws `std::runtime_error` if it does not start.
    explicit emulator_process(const std::string& program, std::vector<std::string> arguments = {});

    ~emulator_process() { kill(); }

    emulator_process(const emulator_process&) = delete;
    emulator_process& operator=(const emulator_process&) = delete;

    const std::string& connection_string() const { return connection_string_; }

    /// Kills it at once (SIGKILL), if it still runs.
    void kill() noexcept;

    std::chrono::nanoseconds cpu_time() const;
    std::size_t resident_bytes() const;

private:
    pid_t pid_ = -1;
    std::string connection_string_;
};

} // namespace azkv::test
