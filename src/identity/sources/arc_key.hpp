// Azure Arc: proof that the program may read the key file that the agent names.
#pragma once

#include <azkv/secret.hpp>

#include <string>
#include <string_view>

namespace azkv::identity {

/// Returns the value of the `Authorization` header that meets the agent's challenge
/// (`Basic realm=/var/opt/azcmagent/tokens/NAME.key`): the contents of that file.
///
/// Reads only a regular file `NAME.key` of at most 4096 bytes, in `directory` itself: a process that poses as
/// the agent must not get any other. Throws `azkv::error` (errc::authentication_failed), which does not
/// repeat the name.
secret answer_arc_challenge(std::string_view challenge, const std::string& directory);

} // namespace azkv::identity
