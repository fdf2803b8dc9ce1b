#pragma once

#include <azkv/value.hpp>

#include <string>
#include <string_view>

namespace azkv::identity {

/// What a token for the table service at `host` is asked for: `https://storage.azure.com/.default`, or that
/// of Cosmos DB in the cloud that `host` is in.
std::string default_scope(std::string_view host, service_mode mode);

/// The authority of the cloud that `host` is in.
std::string default_authority(std::string_view host);

} // namespace azkv::identity
