// Which process this is, and sockets of it that a forked child must not speak on.
#pragma once

namespace azkv::support {

/// Tells a process from those that it was forked from: an object that remembers another number belongs to an
/// ancestor. Counted by a handler of `pthread_atfork`; a child of `_Fork`, which runs none, counts as its
/// parent.
unsigned process_number() noexcept;

/// While one lives no thread of this process forks. So a child finds whole what its parent's threads touch
/// only under a pause, with no lock held: OpenSSL, for instance, which has locks of the whole process. Many
/// threads may have them at once, and one thread several. To be held shortly, and not while a coroutine or
/// what a user has passed is called.
class fork_pause {
public:
    fork_pause() noexcept;
    ~fork_pause();

    fork_pause(const fork_pause&) = delete;
    fork_pause& operator=(const fork_pause&) = delete;

    /// Ends this thread's pauses before the scopes that they are in.
    static void end() noexcept;
};

/// From now on every child gets a socket without a peer in place of this one, under the same number. So the
/// child holds the connection no more, without a byte on the wire, and what still refers to the number gets
/// errors. Throws `std::bad_alloc`.
void keep_from_children(int socket, const fork_pause&);

/// The opposite, before the descriptor is closed. Does nothing for any other.
void give_up(int socket, const fork_pause&) noexcept;

} // namespace azkv::support
