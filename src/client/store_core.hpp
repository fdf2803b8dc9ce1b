// What a store, or a view of one, passes to its operations.
#pragma once

#include "client/call_settings.hpp"
#include "client/request_sender.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <memory>
#include <utility>

namespace azkv::client {

/// The parts of a store. Its operations share them, so that the store may be destroyed while they run. Views
/// of a store differ only in the settings.
class store_core {
public:
    store_core(asio::any_io_executor executor, std::shared_ptr<const request_sender> sender,
               call_settings settings)
        : executor(std::move(executor)), sender(std::move(sender)), settings(std::move(settings)) {}

    const asio::any_io_executor executor;
    const std::shared_ptr<const request_sender> sender;
    const call_settings settings;
};

} // namespace azkv::client
