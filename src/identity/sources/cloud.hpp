// Clouds: the scope and the authority that belong to a host of the table service. No I/O.
#pragma once

#include <azkv/value.hpp>

#include <string>
#include <string_view>

namespace azkv::identity {

/// Returns the scope of tokens for the table service at `host`: `https://storage.azure.com/.default`, or that
/// of Cosmos DB in the cloud of `host`.
std::string default_scope(std::string_view host, service_mode mode);

/// Returns the authority of the cloud of `host`.
std::string default_authority(std::string_view host);

} // namespace azkv::identity
