#include "async/fork_watch.hpp"

#include "support/process.hpp"

#include <boost/asio/execution/context.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/query.hpp>

namespace azkv::async {

namespace {

// In a source file, so that the library does not export Asio's functions for it.
class fork_watch final : public asio::execution_context::service {
public:
    static asio::execution_context::id id;

    explicit fork_watch(asio::execution_context& context) : service(context) {}

    const std::shared_ptr<std::atomic<unsigned>> owner =
        std::make_shared<std::atomic<unsigned>>(support::process_number());

private:
    void shutdown() override {}

    void notify_fork(asio::execution_context::fork_event event) override {
        if (event == asio::execution_context::fork_child) *owner = support::process_number();
    }
};

asio::execution_context::id fork_watch::id;

} // namespace

context_owner owner_of_context(const asio::any_io_executor& executor) {
    return asio::use_service<fork_watch>(asio::query(executor, asio::execution::context)).owner;
}

} // namespace azkv::async
