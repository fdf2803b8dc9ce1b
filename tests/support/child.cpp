#include "support/child.hpp"

#include "support/say.hpp"

#include <chrono>
#include <csignal>
#include <exception>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace azkv::test {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

namespace {

constexpr int limit = 30; // seconds

[[noreturn]] void run(const std::function<bool()>& f) {
    ::alarm(limit);
    bool said = false;
    try {
        said = f();
    } catch (const std::exception& e) {
        say(e.what());
        say("\n");
    } catch (...) {
        say("an exception of no known type\n");
    }
    ::_exit(said ? 0 : 1);
}

bool ends_within(pid_t child, steady_clock::duration time, int& status) {
    const auto end = steady_clock::now() + time;
    while (::waitpid(child, &status, WNOHANG) == 0) {
        if (steady_clock::now() > end) return false;
        std::this_thread::sleep_for(500us);
    }
    return true;
}

} // namespace

bool child_says(pid_t forked, const std::function<bool()>& f) {
    if (forked < 0) return false;
    if (forked == 0) run(f);
    int status = -1;
    if (ends_within(forked, std::chrono::seconds(limit) + 10s, status))
        return WIFEXITED(status) && WEXITSTATUS(status) == 0;
    say("\nA child did not even begin.\n");
    ::kill(forked, SIGALRM); // shows where it hangs
    if (ends_within(forked, 5s, status)) return false;
    ::kill(forked, SIGKILL);
    ::waitpid(forked, &status, 0);
    return false;
}

} // namespace azkv::test
