// Child processes: runs a program without a shell and reads its output.
#pragma once

#include <azkv/secret.hpp>

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace azkv::identity {

namespace asio = boost::asio;

/// A program and how to run it.
class command {
public:
    command(std::string program, std::vector<std::string> arguments)
        : program(std::move(program)), arguments(std::move(arguments)) {}

    std::string program;                // an absolute path
    std::vector<std::string> arguments; // without the name of the program
    // Added to the environment of this process.
    std::vector<std::pair<std::string, std::string>> variables;
    std::string working_directory = "/";
    std::chrono::milliseconds time_limit{13'000};
    std::size_t max_output = 256 * 1024;
    std::size_t max_errors = 64 * 1024;
};

/// How a program ended, and its output.
class process_result {
public:
    enum class ending { exited, timed_out, too_much_output };

    process_result() {}

    ending how = ending::exited;
    // 128 plus the number of the signal that killed it. None if other code of this process that waits for all
    // children, or an ignored SIGCHLD, reaped it.
    std::optional<int> exit_code;
    secret output;
    secret errors;
};

/// Runs a program without a shell, in a process group of its own. The program reads from /dev/null, inherits
/// no descriptor of this process except the pipes of its output, and starts with the default action of every
/// signal. Completes when the program has ended and no process can write to its output any more. Kills the
/// whole group at the time limit, after too much output, and when cancelled (terminal).
///
/// Blocks no thread, neither needs nor changes a handler of SIGCHLD, and waits for no other child. Throws
/// `boost::system::system_error`: `operation_aborted` when cancelled, or the reason why the program did not
/// start.
asio::awaitable<process_result> run_process(command c);

/// Returns the first executable file of that name in the directories of `path`, which has the form of the
/// variable PATH. Skips relative directories, so that the owner of the current directory cannot supply the
/// program.
std::optional<std::string> find_program(std::string_view name, std::string_view path);

} // namespace azkv::identity
