#pragma once

#include "protocol/message.hpp"

#include <azkv/error.hpp>

#include <string>

namespace azkv::protocol {

/// The error that a response tells of, in whichever of its forms: JSON, XML, a header, or the status alone.
class service_error {
public:
    service_error() {}

    std::string code;       // may be empty
    std::string message;    // may be empty
    bool own_words = false; // the code stands in a body of the service's own form
};

service_error read_error(const response& r);

/// The code, if the service's own words have one; else empty. A status alone, a header alone or the page of a
/// proxy proves nothing.
std::string own_code(const response& r);

/// What a failed response means to the caller.
errc classify(const response& r, const service_error& e);

} // namespace azkv::protocol
