#include "support/process.hpp"

#include <openssl/crypto.h>

#include <atomic>
#include <cstddef>
#include <fcntl.h>
#include <mutex>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace azkv::support {

namespace {

std::atomic<unsigned> ancestors{0};

// Never destroyed: sockets may outlive every other object.
class registry {
public:
    registry() { init(); }

    /// Also in a child, where those who waited for it in the parent would be waited for.
    void init() noexcept {
        ::pthread_rwlockattr_t prompt;
        ::pthread_rwlockattr_init(&prompt);
#ifdef __GLIBC__ // pauses that are not begun yet wait for whoever forks
        ::pthread_rwlockattr_setkind_np(&prompt, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
#endif
        ::pthread_rwlock_init(&pauses, &prompt);
        ::pthread_rwlockattr_destroy(&prompt);
    }

    ::pthread_rwlock_t pauses; // read by those who have one, written across a fork
    std::mutex mutex;          // guards what follows; taken under a pause, and across a fork
    std::vector<bool> sockets; // by their numbers
};

registry& shared() {
    static registry& r = *new registry;
    return r;
}

thread_local unsigned depth = 0;   // of this thread's pauses
thread_local bool forking = false; // this thread holds the lock of pauses for a fork

thread_local bool in_registry = false; // this thread holds its mutex, or waits for it

class registry_lock {
public:
    registry_lock() noexcept {
        in_registry = true; // first: a signal's handler may fork, and must not wait for what it interrupts
        shared().mutex.lock();
    }

    ~registry_lock() {
        shared().mutex.unlock();
        in_registry = false;
    }

    registry_lock(const registry_lock&) = delete;
    registry_lock& operator=(const registry_lock&) = delete;
};

/// What OpenSSL does at the end of a thread, which takes a lock of the process, too, and is not done twice.
class end_of_thread {
public:
    void heed() noexcept {} // from now on

    ~end_of_thread() {
        const fork_pause pause;
        OPENSSL_thread_stop();
    }
};

thread_local end_of_thread thread_end;

// Only what a signal handler may do: other threads of the parent may have been anywhere.
void replace(const std::vector<bool>& sockets) noexcept {
    const auto unconnected = [] {
        constexpr int type = SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK;
        const int socket = ::socket(AF_INET, type, 0);
        return socket >= 0 ? socket : ::socket(AF_UNIX, type, 0); // where there is no IPv4
    };
    int dead = unconnected();
    for (std::size_t i = 0; i < sockets.size(); ++i) {
        const int socket = static_cast<int>(i);
        if (!sockets[i]) continue;
        if (dead < 0) { // no descriptor is left
            ::close(socket);
            dead = unconnected();
        }
        if (dead >= 0 && dead != socket) ::dup3(dead, socket, O_CLOEXEC);
    }
    if (dead < 0) return;
    const auto n = static_cast<std::size_t>(dead);
    if (n >= sockets.size() || !sockets[n]) ::close(dead);
}

void before_fork() noexcept {
    // In a pause, from a signal handler for instance, it cannot wait for its own end.
    forking = depth == 0 && ::pthread_rwlock_wrlock(&shared().pauses) == 0;
    if (!in_registry) shared().mutex.lock(); // other threads, where pauses do not keep them out
}

void in_parent() noexcept {
    if (!in_registry) shared().mutex.unlock();
    if (std::exchange(forking, false)) ::pthread_rwlock_unlock(&shared().pauses);
}

void in_child() noexcept {
    ++ancestors;
    replace(shared().sockets);
    // The dead ones are nobody's: the child may close them, and open others under their numbers.
    shared().sockets.assign(shared().sockets.size(), false);
    if (!in_registry) shared().mutex.unlock();
    shared().init();
    depth = 0;
    forking = false;
}

const bool watching = ::pthread_atfork(&before_fork, &in_parent, &in_child) == 0;

} // namespace

unsigned process_number() noexcept {
    return ancestors.load(std::memory_order_relaxed);
}

fork_pause::fork_pause() noexcept {
    if (depth == 0) {
        thread_end.heed();
        if (::pthread_rwlock_rdlock(&shared().pauses) != 0) return; // it forks just now
    }
    ++depth;
}

fork_pause::~fork_pause() {
    if (depth > 0 && --depth == 0) ::pthread_rwlock_unlock(&shared().pauses);
}

void fork_pause::end() noexcept {
    if (depth == 0) return;
    depth = 0;
    ::pthread_rwlock_unlock(&shared().pauses);
}

void keep_from_children(int socket, const fork_pause&) {
    const auto n = static_cast<std::size_t>(socket);
    const registry_lock lock;
    if (n >= shared().sockets.size()) shared().sockets.resize(n + 1);
    shared().sockets[n] = true;
}

void give_up(int socket, const fork_pause&) noexcept {
    const auto n = static_cast<std::size_t>(socket);
    const registry_lock lock;
    if (n < shared().sockets.size()) shared().sockets[n] = false;
}

} // namespace azkv::support
