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

    /// Set if there is no response: the network's error, errc::overloaded or another. `why` is its message.
    boost::system::error_code error;
    std::string why;

    protocol::response response; // empty if there was an error
    bool creating_table = false; // the result is that of creating the table, which failed
    bool succeeded = false;      // the status is one of `request::success`
    protocol::applied applied_earlier = protocol::applied::no; // by attempts before the last one
    protocol::applied applied = protocol::applied::no;         // by any attempt
    std::string retry_summary; // `, after 3 attempts; the retry budget is used up`, or empty
};

} // namespace azkv::client
