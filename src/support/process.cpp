#include "support/process.hpp"

#include <openssl/crypto.h>

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <fcntl.h>
#include <memory>
#include <new>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

namespace azkv::support {

namespace {

std::atomic<unsigned> ancestors{0};

#ifdef __GLIBC__ // new pauses wait for a waiting fork
constexpr ::pthread_rwlock_t unlocked = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;
#else
constexpr ::pthread_rwlock_t unlocked = PTHREAD_RWLOCK_INITIALIZER;
#endif

::pthread_rwlock_t pauses = unlocked; // read by those who have one, written across a fork

thread_local unsigned depth = 0;   // of this thread's pauses
thread_local bool forking = false; // this thread holds the lock of pauses for a fork

/// A set of descriptors. Without a lock, so that it is consistent in a child even after a fork that ignored
/// the pauses, from a signal handler for instance.
class descriptor_set {
public:
    /// Throws `std::bad_alloc`.
    void insert(std::size_t n) {
        if (n >= blocks_.size() * block::size) throw std::bad_alloc();
        std::atomic<block*>& at = blocks_[n / block::size];
        if (block* none = at; !none) {
            auto fresh = std::make_unique<block>();
            if (at.compare_exchange_strong(none, fresh.get())) fresh.release();
        }
        *word_of(n) |= bit(n);
    }

    void erase(std::size_t n) noexcept {
        if (auto* const w = word_of(n)) *w &= ~bit(n);
    }

    bool contains(std::size_t n) const noexcept {
        const auto* const w = word_of(n);
        return w && (*w & bit(n)) != 0;
    }

    template <class F>
    void for_each(F f) const noexcept {
        for (std::size_t i = 0; i < blocks_.size(); ++i) {
            const block* const b = blocks_[i];
            for (std::size_t w = 0; b && w < b->words.size(); ++w)
                for (std::uint64_t bits = b->words[w]; bits != 0; bits &= bits - 1)
                    f(i * block::size + w * word + static_cast<std::size_t>(std::countr_zero(bits)));
        }
    }

    void clear() noexcept {
        for (block* const b : blocks_) {
            if (!b) continue;
            for (auto& w : b->words) w = 0;
        }
    }

private:
    static constexpr std::size_t word = 64;

    struct block {
        static constexpr std::size_t size = 16'384;
        std::array<std::atomic<std::uint64_t>, size / word> words{};
    };

    /// Returns null if no descriptor of the block was ever in the set.
    std::atomic<std::uint64_t>* word_of(std::size_t n) const noexcept {
        block* const b = n < blocks_.size() * block::size ? blocks_[n / block::size].load() : nullptr;
        return b ? &b->words[n % block::size / word] : nullptr;
    }

    static std::uint64_t bit(std::size_t n) { return std::uint64_t{1} << (n % word); }

    std::array<std::atomic<block*>, 4'096> blocks_{}; // allocated on demand, and kept
};

constinit descriptor_set sockets; // those that children must not use

/// Runs OpenSSL's clean-up at the end of a thread during a pause, since it takes a lock of the process.
/// OpenSSL does not run it again.
class end_of_thread {
public:
    void activate() noexcept {} // any use registers the destructor

    ~end_of_thread() {
        const fork_pause pause;
        OPENSSL_thread_stop();
    }
};

thread_local end_of_thread thread_end;

// Async-signal-safe: other threads of the parent may have held any lock.
void replace_sockets() noexcept {
    const auto unconnected = [] {
        constexpr int type = SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK;
        const int socket = ::socket(AF_INET, type, 0);
        return socket >= 0 ? socket : ::socket(AF_UNIX, type, 0); // without IPv4
    };
    int dead = unconnected();
    sockets.for_each([&](std::size_t n) {
        const int socket = static_cast<int>(n);
        if (dead < 0) { // no descriptors left
            ::close(socket);
            dead = unconnected();
        }
        if (dead >= 0 && dead != socket) ::dup3(dead, socket, O_CLOEXEC);
    });
    if (dead >= 0 && !sockets.contains(static_cast<std::size_t>(dead))) ::close(dead);
}

void before_fork() noexcept {
    // A fork during this thread's own pause, from a signal handler for instance, must not wait for its end.
    forking = depth == 0 && ::pthread_rwlock_wrlock(&pauses) == 0;
}

void in_parent() noexcept {
    if (std::exchange(forking, false)) ::pthread_rwlock_unlock(&pauses);
}

void in_child() noexcept {
    ++ancestors;
    replace_sockets();
    // The child may close the replacements, and open other descriptors under their numbers.
    sockets.clear();
    pauses = unlocked; // the copy would wait for threads of the parent
    depth = 0;
    forking = false;
}

const bool watching = ::pthread_atfork(&before_fork, &in_parent, &in_child) == 0;

} // namespace

unsigned process_number() noexcept {
    return ancestors.load(std::memory_order_relaxed);
}

// `depth` is not 0 while the lock is held or awaited, since a signal handler may fork at any time.
fork_pause::fork_pause() noexcept {
    if (depth++ > 0) return;
    thread_end.activate();
    if (::pthread_rwlock_rdlock(&pauses) != 0) depth = 0; // this thread is forking
}

fork_pause::~fork_pause() {
    if (depth > 1)
        --depth;
    else
        end();
}

void fork_pause::end() noexcept {
    if (depth == 0) return;
    ::pthread_rwlock_unlock(&pauses);
    depth = 0;
}

void keep_from_children(int socket, const fork_pause&) {
    sockets.insert(static_cast<std::size_t>(socket));
}

void give_up(int socket, const fork_pause&) noexcept {
    sockets.erase(static_cast<std::size_t>(socket));
}

} // namespace azkv::support
