// An HTTP proxy for tests.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace azkv::test {

/// How a proxy behaves.
class proxy_rules {
public:
    proxy_rules() {}

    std::string authorization; // the required `Proxy-Authorization`; empty: none
    std::string prefix;        // sent before the answer
    std::string suffix;        // sent after it
    bool silent = false;       // never answers
};

/// An HTTP proxy on a loopback port, with a thread of its own. For any host, its tunnels lead to that port of
/// this machine.
class connect_proxy {
public:
    explicit connect_proxy(proxy_rules rules = {});
    ~connect_proxy();

    unsigned short port() const;

    /// Returns its URL, with `credentials` (`user:password`, percent-encoded) if there are any.
    std::string url(const std::string& credentials = {}) const;

    std::size_t tunnels() const; // ever opened

    /// Returns the `host:port` of each request.
    std::vector<std::string> requests() const;

private:
    class implementation;
    std::unique_ptr<implementation> impl_;
};

} // namespace azkv::test
