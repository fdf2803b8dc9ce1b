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

    std::string authorization; // what `Proxy-Authorization` must be; empty: nothing is asked for
    std::string prefix;        // sent before the answer
    std::string suffix;        // and behind it
    bool silent = false;       // never answers
};

/// An HTTP proxy on a loopback port, with a thread of its own. Whatever host is asked for, its tunnels lead
/// to that port of this machine.
class connect_proxy {
public:
    explicit connect_proxy(proxy_rules rules = {});
    ~connect_proxy();

    unsigned short port() const;

    /// With `credentials` (`user:password`, percent-encoded) if there are any.
    std::string url(const std::string& credentials = {}) const;

    std::size_t tunnels() const; // ever made

    /// The `host:port` of each request.
    std::vector<std::string> requests() const;

private:
    class implementation;
    std::unique_ptr<implementation> impl_;
};

} // namespace azkv::test
