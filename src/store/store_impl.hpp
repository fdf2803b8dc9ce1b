// The implementation of a store, and the ways to create one that are not public.
#pragma once

#include "client/store_core.hpp"

#include <azkv/store.hpp>

#include <boost/asio/any_io_executor.hpp>

#include <memory>

namespace azkv {

class [[gnu::visibility("hidden")]] store::implementation : public client::store_core {
public:
    using client::store_core::store_core;
};

class [[gnu::visibility("hidden")]] detail::store_access {
public:
    /// `executor_outlives_calls`: the executor also runs when no call is in flight.
    static store make(asio::any_io_executor executor, std::shared_ptr<const client::service_context> service,
                      bool executor_outlives_calls = true);

    /// Creates a store on a transport of the caller's.
    static store make(asio::any_io_executor executor, std::shared_ptr<const client::service_context> service,
                      std::shared_ptr<net::transport> transport, bool executor_outlives_calls = true);

    /// Returns the same store with other settings.
    static store view(const store& s, client::call_settings settings);
};

} // namespace azkv
