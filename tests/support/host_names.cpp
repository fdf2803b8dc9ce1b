#include "support/host_names.hpp"

#include <condition_variable>
#include <csignal>
#include <dlfcn.h>
#include <map>
#include <mutex>
#include <netdb.h>
#include <stdexcept>
#include <utility>

namespace azkv::test {

namespace {

class entry {
public:
    std::vector<std::string> addresses;
    bool hangs = false;
    int error = 0;
    std::size_t begun = 0;
    std::size_t over = 0;
    bool signals_were_blocked = true;
};

std::mutex mutex; // guards the members below
std::condition_variable changed;
std::map<std::string, entry> entries;

int system_getaddrinfo(const char* node, const char* service, const addrinfo* hints, addrinfo** result) {
    using function = int (*)(const char*, const char*, const addrinfo*, addrinfo**);
    static const auto real = reinterpret_cast<function>(dlsym(RTLD_NEXT, "getaddrinfo"));
    return real(node, service, hints, result);
}

int find(const std::vector<std::string>& addresses, const char* service, const addrinfo* hints,
         addrinfo** result) {
    *result = nullptr;
    addrinfo** end = result;
    for (const std::string& a : addresses) {
        const int error = system_getaddrinfo(a.c_str(), service, hints, end);
        if (error != 0) return error;
        while (*end) end = &(*end)->ai_next; // `freeaddrinfo` takes one at a time
    }
    return addresses.empty() ? EAI_NONAME : 0;
}

} // namespace

host_name::host_name(std::string name, std::vector<std::string> addresses)
    : host_name(std::move(name), std::move(addresses), false, 0) {}

host_name host_name::hanging(std::string name, std::vector<std::string> addresses) {
    return host_name(std::move(name), std::move(addresses), true, 0);
}

host_name host_name::failing(std::string name, int error) {
    return host_name(std::move(name), {}, false, error);
}

host_name::host_name(std::string name, std::vector<std::string> addresses, bool hangs, int error)
    : name_(std::move(name)) {
    const std::lock_guard lock(mutex);
    entry e;
    e.addresses = std::move(addresses);
    e.hangs = hangs;
    e.error = error;
    if (!entries.emplace(name_, std::move(e)).second) throw std::logic_error("two hosts of one name");
}

host_name::~host_name() {
    release();
    wait_until_over();
    const std::lock_guard lock(mutex);
    entries.erase(name_);
}

std::size_t host_name::begun() const {
    const std::lock_guard lock(mutex);
    return entries.at(name_).begun;
}

void host_name::wait_until_begun(std::size_t n) const {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return entries.at(name_).begun >= n; });
}

void host_name::release() {
    const std::lock_guard lock(mutex);
    entries.at(name_).hangs = false;
    changed.notify_all();
}

void host_name::wait_until_over() const {
    std::unique_lock lock(mutex);
    const entry& e = entries.at(name_);
    changed.wait(lock, [&] { return e.over == e.begun; });
}

bool host_name::signals_were_blocked() const {
    const std::lock_guard lock(mutex);
    return entries.at(name_).signals_were_blocked;
}

} // namespace azkv::test

using namespace azkv::test;

// The linker finds it before the system's own.
extern "C" int getaddrinfo(const char* node, const char* service, const addrinfo* hints, addrinfo** result) {
    std::unique_lock lock(mutex);
    const auto known = node ? entries.find(node) : entries.end();
    if (known == entries.end()) {
        lock.unlock();
        return system_getaddrinfo(node, service, hints, result);
    }
    entry& e = known->second;
    ++e.begun;
    sigset_t blocked;
    ::pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
    for (const int s : {SIGTERM, SIGINT, SIGCHLD, SIGUSR1, SIGALRM})
        if (::sigismember(&blocked, s) != 1) e.signals_were_blocked = false;
    changed.notify_all();
    changed.wait(lock, [&] { return !e.hangs; });
    const int error = e.error != 0 ? e.error : find(e.addresses, service, hints, result);
    ++e.over;
    changed.notify_all();
    return error;
}
