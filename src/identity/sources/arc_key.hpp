#pragma once

#include <azkv/secret.hpp>

#include <string>
#include <string_view>

namespace azkv::identity {

/// What the agent of Azure Arc wants to see: that the program may read a file which it names in `challenge`
/// (`Basic realm=/var/opt/azcmagent/tokens/NAME.key`). The `Authorization` header's value, of the contents.
///
/// Only a regular file `NAME.key` of at most 4096 bytes, in `directory` itself, is read: whoever answers in
/// the agent's place must not be sent another. Throws `azkv::error` (errc::authentication_failed), which does
/// not repeat the name.
secret answer_arc_challenge(std::string_view challenge, const std::string& directory);

} // namespace azkv::identity
