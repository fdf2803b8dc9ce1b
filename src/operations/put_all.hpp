#pragma once

#include "async/only_terminal.hpp"
#include "client/request_sender.hpp"

#include <azkv/store.hpp>
#include <azkv/value.hpp>

#include <boost/asio/awaitable.hpp>

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace azkv {

/// The operation `store::put_all`.
asio::awaitable<async::outcome<void>> put_all(std::shared_ptr<const traced_client> c,
                                              std::vector<std::pair<std::string, value>> pairs,
                                              std::string collection, std::size_t batch_size,
                                              put_all_progress progress);

} // namespace azkv
