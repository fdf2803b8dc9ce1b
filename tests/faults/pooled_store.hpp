// A store over real connections that a test can count, with its requests measured.
#pragma once

#include "client/service_context.hpp"
#include "net/http_transport.hpp"

#include <azkv/store.hpp>

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

namespace azkv::test {

/// A store whose connections can be counted, and whose requests can be measured.
class pooled_store {
public:
    pooled_store(asio::any_io_executor executor, std::string_view connection_string, store_options options);
    pooled_store(asio::any_io_executor executor, std::string_view endpoint, const credential& c,
                 store_options options);

    std::size_t in_use() const;
    std::size_t idle() const;

    /// Returns the bytes of each request since the last call.
    std::vector<std::size_t> sizes_of_requests();

private:
    class measured_transport;

    explicit pooled_store(const asio::any_io_executor& executor,
                          std::shared_ptr<const client::service_context> service);

    std::shared_ptr<measured_transport> transport_; // before `db`, which uses it

public:
    store db;
};

} // namespace azkv::test
