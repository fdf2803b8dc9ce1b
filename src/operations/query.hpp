#pragma once

#include "client/request_sender.hpp"

#include <azkv/async_generator.hpp>
#include <azkv/entry.hpp>
#include <azkv/projection.hpp>

#include <boost/asio/any_io_executor.hpp>

#include <memory>
#include <string>

namespace azkv {

/// `store::query`. `executor`: the store's, for what is read ahead.
async_generator<entry> query(std::shared_ptr<const traced_client> c, asio::any_io_executor executor,
                             std::string filter, std::string collection, projection select);

} // namespace azkv
