// The result of a call: a response or an error.
#pragma once

#include "protocol/message.hpp"

#include <boost/system/error_code.hpp>

#include <string>

namespace azkv::client {

/// The last response of a call, or the reason why there is none.
class call_result {
public:
    call_result() {}

    /// Success if there is a response; otherwise errc::overloaded, the network's error or another, with its
    /// message in `why`.
    boost::system::error_code error;
    std::string why;

    protocol::response response;                               // empty if there was an error
    bool succeeded = false;                                    // the status is one of `request::success`
    protocol::applied applied_earlier = protocol::applied::no; // by attempts before the last one
    protocol::applied applied = protocol::applied::no;         // by any attempt
    std::string retry_summary; // `, after 3 attempts; the retry budget is used up`, or empty
};

} // namespace azkv::client
