// What became of a call.
#pragma once

#include "protocol/message.hpp"

#include <boost/system/error_code.hpp>

#include <string>

namespace azkv::client {

/// The last response of a call, or why there is none.
class call_result {
public:
    call_result() {}

    /// Success if there is a response; else errc::overloaded, the network's error or another, and its text.
    boost::system::error_code error;
    std::string why;

    protocol::response response;                       // empty if there was an error
    bool succeeded = false;                            // by the statuses that the request names
    protocol::applied earlier = protocol::applied::no; // by sendings before the last one
    protocol::applied applied = protocol::applied::no; // by any sending
    std::string retries; // `, after 3 attempts; the retry budget is used up`, or empty
};

} // namespace azkv::client
