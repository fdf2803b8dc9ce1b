// Peers that accept and fall silent, or do not accept at all.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace azkv::test {

/// A server on a loopback port, with a thread of its own, that accepts connections and never completes a
/// response.
class silent_peer {
public:
    enum class manner {
        reads,   ///< reads everything
        is_deaf, ///< reads nothing, and has a small receive buffer
    };

    /// The server sends `first_words` when it has received something. Port 0 is any.
    explicit silent_peer(manner m = manner::reads, std::string first_words = {}, unsigned short port = 0);
    ~silent_peer();

    unsigned short port() const;

private:
    class implementation;
    std::unique_ptr<implementation> impl_;
};

/// A listening port whose queue is full: a client that connects to it waits.
class full_port {
public:
    full_port();
    ~full_port();

    unsigned short port() const;

private:
    class implementation;
    std::unique_ptr<implementation> impl_;
};

/// Returns how many connections (of any process, established or connecting) lead to this port.
std::size_t connections_to(unsigned short port);

/// Returns the number of open descriptors of this process.
std::size_t open_descriptors();

} // namespace azkv::test
