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

/// Remembers for 10 minutes which address of a host to try first, so that an address that does not respond
/// delays one connection and not every one. Safe to share between threads.
class address_order {
public:
    using addresses = std::vector<asio::ip::address>;
    using time_point = std::chrono::steady_clock::time_point;

    /// Puts the preferred address first and alternates the address families after it (RFC 8305, section 4).
    /// Precondition: `a` is not empty.
    void sort(const std::string& host, addresses& a, time_point now) const;

    /// Address `a` of the sorted ones has responded.
    void record_response(const std::string& host, const addresses& sorted, const asio::ip::address& a,
                         time_point now);

    /// None of the first `tried` addresses has responded.
    void record_silence(const std::string& host, const addresses& sorted, std::size_t tried, time_point now);

private:
    class preference {
    public:
        asio::ip::address address;
        time_point until;
    };

    void prefer(const std::string& host, const asio::ip::address& a, time_point now);

    mutable std::mutex mutex_;                    // guards what follows
    std::map<std::string, preference> preferred_; // only for hosts whose first address did not respond
};

} // namespace azkv::net
