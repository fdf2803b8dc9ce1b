// Reads small files that hold secrets.
#pragma once

#include "support/wipe.hpp"

#include <boost/system/error_code.hpp>

#include <cstddef>
#include <string>

namespace azkv::support {

/// Reads a whole regular file. Returns errc::too_large if it has more than `limit` bytes, or the error of the
/// system.
boost::system::error_code read_small_file(const std::string& path, std::size_t limit, wiped_string& content);

} // namespace azkv::support
