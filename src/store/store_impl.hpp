#pragma once

#include "client/request_sender.hpp"

#include <azkv/store.hpp>

#include <boost/asio/any_io_executor.hpp>

#include <memory>
#include <string>
#include <utility>

namespace azkv {

class [[gnu::visibility("hidden")]] store::implementation {
public:
    implementation(asio::any_io_executor executor, std::shared_ptr<const azkv::client> client,
                   std::string trace = {})
        : executor(std::move(executor)),
          origin(std::make_shared<const traced_client>(std::move(client), std::move(trace))) {}

    asio::any_io_executor executor;
    std::shared_ptr<const traced_client> origin; // shared with the operations under way
};

/// The ways to make a store that are not for everyone.
class [[gnu::visibility("hidden")]] detail::store_access {
public:
    static store make(asio::any_io_executor executor, std::shared_ptr<const account> account,
                      bool executor_outlives_calls = true);

    /// Over a transport of the caller's.
    static store make(asio::any_io_executor executor, std::shared_ptr<const account> account,
                      std::shared_ptr<net::transport> transport, bool executor_outlives_calls = true);

    /// As `store::with_traceparent`, with the headers.
    static store traced(const store& s, std::string trace);
};

} // namespace azkv
