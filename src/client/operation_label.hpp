// The name of an operation and its arguments, for messages.
#pragma once

#include <azkv/error.hpp>

#include <string>
#include <string_view>

namespace azkv::client {

/// Names an operation in messages. Refers to the operation's own arguments.
class operation_label {
public:
    std::string_view operation;
    std::string_view collection;
    const std::string* key = nullptr;

    /// Returns `get "k" in "data"`.
    std::string text() const;

    /// Returns the error with which this operation fails.
    error failure(boost::system::error_code code, const std::string& why, diagnostics details = {}) const;
};

} // namespace azkv::client
