// A store over a scripted transport.
#pragma once

#include "support/run.hpp"
#include "support/scripted_transport.hpp"
#include "support/store_over.hpp"

#include <azkv/store.hpp>

#include <boost/asio/io_context.hpp>

#include <memory>

namespace azkv::test {

/// A store whose network is a script.
class scripted_store {
public:
    explicit scripted_store(store_options o = {}, const std::string& url = "http://127.0.0.1:10002/acct",
                            const credential& c = test_credential())
        : db(store_over(context.get_executor(), net,
                        std::move(o.backoff(std::chrono::milliseconds(1), std::chrono::milliseconds(1))), c,
                        url)) {}

    template <class T>
    T run(asio::awaitable<T> op) {
        return test::run(context, std::move(op));
    }

    asio::io_context context;
    std::shared_ptr<scripted_transport> net = std::make_shared<scripted_transport>();
    store db;
};

} // namespace azkv::test
