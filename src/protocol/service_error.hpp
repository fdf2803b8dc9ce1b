// Error responses of the service: parsing and classification.
#pragma once

#include <azkv/error.hpp>

#include <string>

namespace azkv::protocol {

class response;

/// The error in a response: from JSON, XML, a header, or the status alone.
class service_error {
public:
    service_error() {}

    std::string code;       // may be empty
    std::string message;    // may be empty
    bool own_words = false; // the code comes from a body in the service's own format
};

/// See `response::error`.
service_error read_error(const response& r);

/// Returns what a failed response means for the caller.
errc classify(const response& r, const service_error& e);

} // namespace azkv::protocol
