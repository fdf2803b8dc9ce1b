// Shell scripts that stand in for the programs that credentials run.
#pragma once

#include "support/temporary_directory.hpp"

#include <boost/asio/io_context.hpp>
#include <doctest/doctest.h>

#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <poll.h>
#include <string>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace azkv::test {

/// Shell scripts in a directory of their own; they write files to another directory.
class fake_programs {
public:
    fake_programs() {
        std::filesystem::create_directory(directory());
        std::filesystem::create_directory(left());
    }

    /// Returns the directory of the scripts.
    std::string directory() const { return root_.path() + "/programs"; }

    /// Returns the directory that they write to: `$left` in a script.
    std::string left() const { return root_.path() + "/left"; }

    /// Adds a script and returns its path.
    std::string add(const std::string& name, const std::string& script, bool executable = true) {
        const std::string file = directory() + '/' + name;
        std::filesystem::create_directories(std::filesystem::path(file).parent_path());
        std::ofstream(file) << "#!/bin/sh\nleft='" << left() << "'\n" << script << '\n';
        ::chmod(file.c_str(), executable ? 0755 : 0644);
        return file;
    }

    bool has(const std::string& name) const { return std::filesystem::exists(left() + '/' + name); }

    std::string text(const std::string& name) const {
        std::ifstream in(left() + '/' + name);
        REQUIRE(in.is_open());
        return std::string(std::istreambuf_iterator<char>(in), {});
    }

private:
    temporary_directory root_;
};

/// A named pipe, `$left/started`, into which a script that hangs writes the number of the process that it
/// started.
class started_pipe {
public:
    explicit started_pipe(const fake_programs& programs) {
        const std::string file = programs.left() + "/started";
        REQUIRE(mkfifo(file.c_str(), 0600) == 0);
        descriptor_ = open(file.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC);
        REQUIRE(descriptor_ >= 0);
    }

    started_pipe(const started_pipe&) = delete;
    started_pipe& operator=(const started_pipe&) = delete;

    ~started_pipe() { close(descriptor_); }

    /// Runs `context` until the script has written.
    pid_t await(boost::asio::io_context& context) const {
        pollfd p{descriptor_, POLLIN, 0};
        for (int i = 0; i < 20'000 && poll(&p, 1, 1) == 0; ++i) context.poll();
        return number();
    }

    /// Returns the number.
    pid_t number() const {
        char text[32] = {};
        REQUIRE(read(descriptor_, text, sizeof text - 1) > 0);
        const pid_t n = std::stoi(text);
        REQUIRE(n > 1);
        return n;
    }

private:
    int descriptor_ = -1;
};

/// A script that starts a process, which keeps the output open, and then hangs.
inline const char* const hanging_script = "sleep 600 &\necho $! > \"$left/started\"\nwait";

/// Returns true if a process has ended, or ends soon. It need not be a child.
inline bool ends(pid_t pid) {
    const int descriptor = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
    if (descriptor < 0) return errno == ESRCH;
    pollfd p{descriptor, POLLIN, 0};
    const bool ended = poll(&p, 1, 10'000) == 1;
    close(descriptor);
    return ended;
}

/// Returns true if this process has a child, running or not.
inline bool has_children() {
    siginfo_t info{};
    return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

inline std::size_t open_descriptors() {
    const std::filesystem::directory_iterator all("/proc/self/fd");
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

} // namespace azkv::test
