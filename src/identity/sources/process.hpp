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

/// A program, and how it is to be run.
class command {
public:
    command(std::string program, std::vector<std::string> arguments)
        : program(std::move(program)), arguments(std::move(arguments)) {}

    std::string program;                // its absolute path
    std::vector<std::string> arguments; // without its name
    // Of the environment, on top of those of this process.
    std::vector<std::pair<std::string, std::string>> variables;
    std::string working_directory = "/";
    std::chrono::milliseconds limit{13'000};
    std::size_t max_output = 256 * 1024;
    std::size_t max_errors = 64 * 1024;
};

/// What came of it.
class process_result {
public:
    enum class ending { exited, timed_out, too_much_output };

    process_result() {}

    ending how = ending::exited;
    // 128 and the signal's number if it was one that ended it. None if somebody else in this process, who
    // waits for all children, or a SIGCHLD that is ignored, took it away.
    std::optional<int> exit_code;
    secret output;
    secret errors;
};

/// Runs a program without a shell, in a process group of its own. It reads from /dev/null, has no descriptor
/// of this process but the pipes of its output, and begins with the default of every signal. Done when it has
/// ended and nobody can write to its output any more. At the limit, with too much output, and when cancelled
/// (terminal) it is killed together with all in its group.
///
/// No thread waits for anything, no handler of SIGCHLD is needed or changed, and no other child is waited
/// for. Throws `boost::system::system_error`: `operation_aborted` when cancelled, or why it could not start.
asio::awaitable<process_result> run_process(command c);

/// The first file of that name in the directories of `path` (as the variable PATH has them) that may be run.
/// Directories that are not absolute are passed over, so that whoever owns the current one cannot supply it.
std::optional<std::string> find_program(std::string_view name, std::string_view path);

} // namespace azkv::identity
