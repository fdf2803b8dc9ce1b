#pragma once

#include <cstddef>
#include <memory>
#include <string>

namespace azkv::test {

/// A server on a loopback port, with a thread of its own, that reads what comes first, sends one text, and
/// closes: whatever it was asked.
class raw_server {
public:
    explicit raw_server(std::string answer);
    ~raw_server();

    unsigned short port() const;
    std::size_t connections() const; // ever accepted

private:
    class implementation;
    std::unique_ptr<implementation> impl_;
};

} // namespace azkv::test
