#include "client/missing.hpp"
#include "codec/names.hpp"
#include "operations/perform.hpp"
#include "protocol/requests.hpp"
#include "store/blocking_impl.hpp"
#include "store/store_impl.hpp"

#include <utility>

namespace azkv {

namespace {

class erase_operation {
public:
    using result = bool;
    static constexpr auto idempotency = protocol::idempotency::idempotent;

    erase_operation(std::string key, std::string collection)
        : key_(std::move(key)), collection_(std::move(collection)) {}

    client::operation_label label() const { return {"erase", collection_, &key_}; }

    protocol::request request(const client::operation_context& op) const {
        const std::string row = codec::escape_key(key_, op.service().mode);
        return protocol::delete_entity(op.table(), codec::entity_key(op.settings().partition, row));
    }

    async::outcome<bool> read(client::operation_context& op, const client::call_result& result) const {
        if (result.succeeded) return true;
        const client::missing missing = client::what_is_missing(result.response);
        if (missing == client::missing::none) return op.exception_for(result);
        // An earlier attempt whose outcome is unknown may have removed the key.
        return missing == client::missing::entity && result.applied_earlier != protocol::applied::no;
    }

private:
    std::string key_;
    std::string collection_;
};

} // namespace

asio::awaitable<bool> store::erase(std::string key, std::string collection) {
    return operations::perform(impl_, erase_operation(std::move(key), std::move(collection)));
}

bool blocking_store::erase(std::string key, std::string collection) {
    return impl_->run([&](store& s) { return s.erase(std::move(key), std::move(collection)); });
}

} // namespace azkv
