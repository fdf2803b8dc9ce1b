// Forks: tells a child from its parent, and replaces sockets in the child.
#pragma once

namespace azkv::support {

/// Returns the number of forks between this process and its oldest ancestor with the library: an object that
/// holds another number belongs to an ancestor. A handler of `pthread_atfork` counts, so that a child of
/// `_Fork`, which runs no handlers, has the number of its parent.
unsigned process_number() noexcept;

/// Delays forks of this process while it exists. A child therefore finds data that threads use only during a
/// pause in a consistent state, with no lock held: OpenSSL's, for instance, which has locks of the whole
/// process. Any number of threads may hold pauses at once, and a thread may nest them. Hold one briefly, and
/// never while a coroutine or a user's function runs.
class fork_pause {
public:
    fork_pause() noexcept;
    ~fork_pause();

    fork_pause(const fork_pause&) = delete;
    fork_pause& operator=(const fork_pause&) = delete;

    /// Ends this thread's pauses before the end of their scopes.
    static void end() noexcept;
};

/// Replaces this socket in every child to come by one without a peer, under the same number. The child then
/// does not hold the connection, no byte is sent, and code that still uses the number gets errors. Throws
/// `std::bad_alloc`.
void keep_from_children(int socket, const fork_pause&);

/// Reverts `keep_from_children`; call it before the descriptor is closed. Ignores other descriptors.
void give_up(int socket, const fork_pause&) noexcept;

} // namespace azkv::support
