#pragma once

#include <azkv/error.hpp>

#include <string>
#include <string_view>

namespace azkv {

/// Which operation something belongs to, for messages. It refers to the operation's own arguments.
class subject {
public:
    std::string_view operation;
    std::string_view collection;
    const std::string* key = nullptr;

    /// `get "k" in "data"`
    std::string text() const;

    /// The failure of this operation.
    error failure(boost::system::error_code code, const std::string& why, diagnostics details = {}) const;
};

} // namespace azkv
