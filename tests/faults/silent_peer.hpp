#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace azkv::test {

/// A server on a loopback port, with a thread of its own, that accepts and then never says all that is
/// expected of it.
class silent_peer {
public:
    enum class manner {
        reads,   ///< all that comes
        is_deaf, ///< reads nothing, and has little room for it
    };

    /// `first_words` are said when something came. Port 0 is any.
    explicit silent_peer(manner m = manner::reads, std::string first_words = {}, unsigned short port = 0);
    ~silent_peer();

    unsigned short port() const;

private:
    class implementation;
    std::unique_ptr<implementation> impl_;
};

/// A listening port whose queue is full: who connects to it waits.
class full_port {
public:
    full_port();
    ~full_port();

    unsigned short port() const;

private:
    class implementation;
    std::unique_ptr<implementation> impl_;
};

/// How many connections (of any process, made or being made) lead to this port.
std::size_t connections_to(unsigned short port);

/// What this process has open.
std::size_t open_descriptors();

} // namespace azkv::test
