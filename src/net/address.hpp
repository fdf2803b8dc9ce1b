// Hosts whose addresses are known without a look-up.
#pragma once

#include "protocol/endpoint.hpp"

#include <boost/asio/ip/address.hpp>
#include <boost/system/error_code.hpp>

#include <string>
#include <vector>

namespace azkv::net {

namespace asio = boost::asio;

/// Returns whether `host` is an address and not a name.
inline bool is_address(const std::string& host) {
    boost::system::error_code ec;
    asio::ip::make_address(host, ec);
    return !ec;
}

/// Returns the addresses of `host` if it is an address or `localhost`; otherwise none.
inline std::vector<asio::ip::address> known_addresses(const std::string& host) {
    std::vector<asio::ip::address> known;
    boost::system::error_code ec;
    const auto address = asio::ip::make_address(host, ec);
    if (!ec) {
        known.push_back(address);
    } else if (protocol::is_localhost(host)) {
        known.push_back(asio::ip::address_v4::loopback());
        known.push_back(asio::ip::address_v6::loopback());
    }
    return known;
}

} // namespace azkv::net
