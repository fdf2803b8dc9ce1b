#pragma once

#include "client.hpp"

#include <azkv/store.hpp>

#include <boost/asio/any_io_executor.hpp>

#include <memory>

namespace azkv {

class [[gnu::visibility("hidden")]] store::implementation {
public:
    implementation(asio::any_io_executor executor, bool executor_outlives_calls,
                   std::shared_ptr<const azkv::account> account, std::shared_ptr<net::transport> transport);

    asio::any_io_executor executor;
    std::shared_ptr<const azkv::client> client; // shared with the operations under way
};

/// The ways to make a store that are not for everyone.
class [[gnu::visibility("hidden")]] detail::store_access {
public:
    static store make(asio::any_io_executor executor, std::shared_ptr<const account> account,
                      bool executor_outlives_calls = true);

    /// Over a transport of the caller's.
    static store make(asio::any_io_executor executor, std::shared_ptr<const account> account,
                      std::shared_ptr<net::transport> transport, bool executor_outlives_calls = true);
};

} // namespace azkv
