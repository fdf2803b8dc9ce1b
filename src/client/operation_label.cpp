#include "client/operation_label.hpp"

#include "codec/names.hpp"

#include <utility>

namespace azkv::client {

std::string operation_label::text() const {
    std::string text(operation);
    if (key) text += ' ' + codec::in_quotes(*key);
    return text + " in " + codec::in_quotes(collection);
}

error operation_label::failure(boost::system::error_code code, const std::string& why,
                               diagnostics details) const {
    if (details.key.empty() && key) details.key = *key;
    return error(code, text() + ": " + why, std::move(details));
}

} // namespace azkv::client
