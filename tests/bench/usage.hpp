// The CPU time, memory and descriptors that a benchmark has used.
#pragma once

#include <cstddef>
#include <ctime>
#include <fstream>
#include <string>
#include <sys/resource.h>

namespace azkv::bench {

/// CPU time of this process, in seconds.
class usage {
public:
    usage() {
        rusage all{};
        getrusage(RUSAGE_SELF, &all);
        user = seconds(all.ru_utime);
        system = seconds(all.ru_stime);
    }

    double user, system;

private:
    static double seconds(timeval t) {
        return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
    }
};

/// CPU time of this thread, in seconds.
inline double thread_cpu() {
    timespec t{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

/// The peak resident memory of this program, in MB. (`ru_maxrss` also includes that of the program that
/// started it.)
inline double peak_memory() {
    std::ifstream status("/proc/self/status");
    for (std::string word; status >> word;)
        if (word == "VmHWM:") {
            std::size_t kb = 0;
            status >> kb;
            return static_cast<double>(kb) / 1024;
        }
    return 0;
}

/// Each connection is an open file.
inline void allow_many_connections() {
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

} // namespace azkv::bench
