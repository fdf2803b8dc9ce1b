// What the service says of a failure, in JSON, XML or a header, and what it means to the caller.
#pragma once

#include <azkv/error.hpp>

#include <string>

namespace azkv::protocol {

class response;

/// The error that a response tells of, in whichever of its forms: JSON, XML, a header, or the status alone.
class service_error {
public:
    service_error() {}

    std::string code;       // may be empty
    std::string message;    // may be empty
    bool own_words = false; // the code stands in a body of the service's own form
};

/// See `response::error`.
service_error read_error(const response& r);

/// What a failed response means to the caller.
errc classify(const response& r, const service_error& e);

} // namespace azkv::protocol
