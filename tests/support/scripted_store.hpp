#pragma once

#include "client/service_context.hpp"
#include "store/store_impl.hpp"
#include "support/run.hpp"
#include "support/scripted_transport.hpp"

#include <azkv/store.hpp>

#include <boost/asio/io_context.hpp>

#include <memory>

namespace azkv::test {

/// A store whose network is a script.
class scripted_store {
public:
    explicit scripted_store(store_options o = {}, const std::string& url = "http://127.0.0.1:10002/acct",
                            const credential& c = credential::shared_key("acct", "c2VjcmV0LXNlY3JldA=="))
        : db(detail::store_access::make(
            context.get_executor(),
            std::make_shared<const client::service_context>(
                url, c, std::move(o.backoff(std::chrono::milliseconds(1), std::chrono::milliseconds(1)))),
            net)) {}

    template <class T>
    T run(asio::awaitable<T> op) {
        return test::run(context, std::move(op));
    }

    asio::io_context context;
    std::shared_ptr<scripted_transport> net = std::make_shared<scripted_transport>();
    store db;
};

} // namespace azkv::test
