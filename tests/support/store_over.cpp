#include "support/store_over.hpp"

#include "client/service_context.hpp"
#include "store/store_impl.hpp"

#include <utility>

namespace azkv::test {

store store_over(const asio::any_io_executor& executor, std::shared_ptr<net::transport> transport,
                 store_options options, const credential& c, const std::string& url) {
    auto context = std::make_shared<const client::service_context>(url, c, std::move(options));
    return detail::store_access::make(executor, std::move(context), std::move(transport));
}

} // namespace azkv::test
