#include "support/emulator_process.hpp"

#include <csignal>
#include <ctime>
#include <fcntl.h>
#include <fstream>
#include <stdexcept>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace azkv::test {

namespace {

std::string read_line(int descriptor) {
    std::string line;
    for (char c = 0; read(descriptor, &c, 1) == 1 && c != '\n';) line.push_back(c);
    return line;
}

} // namespace

emulator_process::emulator_process(const std::string& program, std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {program, "--port", "0"});
    std::vector<char*> argv;
    for (std::string& a : arguments) argv.push_back(a.data());
    argv.push_back(nullptr);

    int output[2];
    if (pipe2(output, O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
    pid_ = fork();
    if (pid_ == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(output[1], STDOUT_FILENO);
        execv(argv[0], argv.data());
        _exit(127);
    }
    close(output[1]);
    connection_string_ = read_line(output[0]);
    close(output[0]); // it prints nothing more
    if (connection_string_.empty()) {
        kill();
        throw std::runtime_error(program + " does not start");
    }
}

void emulator_process::kill() noexcept {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = -1;
}

std::chrono::nanoseconds emulator_process::cpu_time() const {
    clockid_t clock{};
    timespec t{};
    if (clock_getcpuclockid(pid_, &clock) != 0 || clock_gettime(clock, &t) != 0)
        throw std::runtime_error("the emulator has ended");
    return std::chrono::seconds(t.tv_sec) + std::chrono::nanoseconds(t.tv_nsec);
}

std::size_t emulator_process::resident_bytes() const {
    std::ifstream in("/proc/" + std::to_string(pid_) + "/statm");
    std::size_t total = 0, resident = 0;
    if (!(in >> total >> resident)) throw std::runtime_error("the emulator has ended");
    return resident * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

} // namespace azkv::test
