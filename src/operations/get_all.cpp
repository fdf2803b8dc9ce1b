#include "async/only_terminal.hpp"
#include "client/operation_context.hpp"
#include "operations/query_pager.hpp"
#include "protocol/requests.hpp"
#include "store/blocking_impl.hpp"
#include "store/store_impl.hpp"

#include <utility>

namespace azkv {

namespace {

asio::awaitable<async::outcome<std::map<std::string, value>>>
get_all(std::shared_ptr<const client::store_core> core, std::string collection, projection select) {
    client::operation_context op(*core, {"get_all", collection, nullptr});
    const client::operation_context::guard guard(op);
    const std::string& partition = op.settings().partition;
    operations::query_pager pages(op, "PartitionKey eq " + protocol::string_literal(partition),
                                  std::move(select), partition);
    std::map<std::string, value> all;
    while (pages.more()) {
        const protocol::request r = pages.request();
        client::call_result result;
        co_await core->sender->call(op, r, op.next_deadline(), result);
        async::outcome<std::vector<entry>> page = pages.read(op, result);
        if (page.failed()) co_return page.failure();
        for (entry& e : page.take()) all.insert_or_assign(e.key(), std::move(e).value());
    }
    op.succeed();
    co_return std::move(all);
}

} // namespace

asio::awaitable<std::map<std::string, value>> store::get_all(std::string collection, projection select) {
    return async::only_terminal(azkv::get_all(impl_, std::move(collection), std::move(select)));
}

std::map<std::string, value> blocking_store::get_all(std::string collection, projection select) {
    return impl_->run([&](store& s) { return s.get_all(std::move(collection), std::move(select)); });
}

} // namespace azkv
