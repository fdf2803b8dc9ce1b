// Errors of the service.
#pragma once

#include <azkv/value.hpp>

#include <exception>
#include <string>
#include <utility>

namespace azkv::emulation {

/// Why a request fails. Thrown by the operations and converted to the response.
/// (https://learn.microsoft.com/rest/api/storageservices/table-service-error-codes)
class failure final : public std::exception {
public:
    /// `code` is a literal.
    failure(unsigned status, const char* code, std::string message)
        : status_(status), code_(code), message_(std::move(message)) {}

    unsigned status() const noexcept { return status_; }

    const char* code() const noexcept { return code_; }

    const std::string& message() const noexcept { return message_; }

    const char* what() const noexcept override { return code_; }

    /// Returns the failure of a request to a table that does not exist.
    static failure missing_table(service_mode mode) {
        failure f = mode == service_mode::storage
                        ? failure(404, "TableNotFound", "The table specified does not exist.")
                        : failure(404, "ResourceNotFound", "The specified resource does not exist.");
        f.is_missing_table_ = true;
        return f;
    }

    bool is_missing_table() const noexcept { return is_missing_table_; }

private:
    unsigned status_;
    const char* code_;
    std::string message_;
    bool is_missing_table_ = false;
};

/// The most common failure.
inline failure invalid_input(std::string message = "One of the request inputs is not valid.") {
    return failure(400, "InvalidInput", std::move(message));
}

inline failure resource_not_found() {
    return failure(404, "ResourceNotFound", "The specified resource does not exist.");
}

inline failure invalid_query_parameter() {
    return failure(400, "InvalidQueryParameterValue",
                   "Value for one of the query parameters specified in the request URI is invalid.");
}

} // namespace azkv::emulation
