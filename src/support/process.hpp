// Which process this is, and sockets of it that a forked child must not speak on.
#pragma once

namespace azkv::support {

/// Tells a process from those that it was forked from: an object that remembers another number belongs to an
/// ancestor. Counted by a handler of `pthread_atfork`; a child of `_Fork`, which runs none, counts as its
/// parent.
unsigned process_number() noexcept;

/// While it lives no thread of this process forks: a socket is opened, or closed, together with what is noted
/// of it. To be held shortly.
class fork_pause {
public:
    fork_pause() noexcept;
    ~fork_pause();

    fork_pause(const fork_pause&) = delete;
    fork_pause& operator=(const fork_pause&) = delete;
};

/// From now on every child gets a socket without a peer in place of this one, under the same number. So the
/// child holds the connection no more, without a byte on the wire, and what still refers to the number gets
/// errors. Throws `std::bad_alloc`.
void keep_from_children(int socket, const fork_pause&);

/// The opposite, before the descriptor is closed. Does nothing for any other.
void give_up(int socket, const fork_pause&) noexcept;

} // namespace azkv::support
