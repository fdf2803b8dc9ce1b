// A store over a given transport.
#pragma once

#include "net/transport.hpp"
#include "support/test_account.hpp"

#include <azkv/store.hpp>

#include <memory>
#include <string>

namespace azkv::test {

/// Returns a store that sends its requests through `transport`.
store store_over(const asio::any_io_executor& executor, std::shared_ptr<net::transport> transport,
                 store_options options = {}, const credential& c = test_credential(),
                 const std::string& url = "http://127.0.0.1:10002/acct");

} // namespace azkv::test
