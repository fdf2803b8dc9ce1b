// The order in which the addresses of a host are tried.
#pragma once

#include <boost/asio/ip/address.hpp>

#include <chrono>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace azkv::net {

namespace asio = boost::asio;

/// Remembers for some minutes where to begin with a host, so that an address that does not answer delays one
/// connection and not each. Safe to share between threads.
class address_order {
public:
    using addresses = std::vector<asio::ip::address>;
    using time_point = std::chrono::steady_clock::time_point;

    /// Puts the address to begin with first, and the families in turn otherwise (RFC 8305, section 4).
    /// Precondition: not empty.
    void sort(const std::string& host, addresses& a, time_point now) const;

    /// Of the sorted addresses, this one answered.
    void answered(const std::string& host, const addresses& sorted, const asio::ip::address& a,
                  time_point now);

    /// None of the first `tried` ones answered.
    void were_silent(const std::string& host, const addresses& sorted, std::size_t tried, time_point now);

private:
    class beginning {
    public:
        asio::ip::address at;
        time_point until;
    };

    void begin_at(const std::string& host, const asio::ip::address& a, time_point now);

    mutable std::mutex mutex_;               // guards what follows
    std::map<std::string, beginning> first_; // only of hosts whose first address did not answer
};

} // namespace azkv::net
