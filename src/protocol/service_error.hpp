// Error responses of the service: parsing and classification.
#pragma once

#include "protocol/message.hpp"

#include <azkv/error.hpp>

#include <string>

namespace azkv::protocol {

/// The error in a response: from JSON, XML, a header, or the status alone.
class service_error {
public:
    service_error() {}

    std::string code;       // may be empty
    std::string message;    // may be empty
    bool own_words = false; // the code comes from a body in the service's own format
};

service_error read_error(const response& r);

/// Returns the code if it comes from a body in the service's own format; otherwise empty. A status, a header
/// or the page of a proxy proves nothing.
std::string own_code(const response& r);

/// Returns what a failed response means for the caller.
errc classify(const response& r, const service_error& e);

} // namespace azkv::protocol
