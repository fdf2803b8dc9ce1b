#include "codec/entity.hpp"
#include "codec/names.hpp"
#include "operations/perform.hpp"
#include "protocol/requests.hpp"
#include "store/blocking_impl.hpp"
#include "store/store_impl.hpp"

#include <utility>

namespace azkv {

namespace {

class put_operation {
public:
    using result = void;
    static constexpr auto idempotency = protocol::idempotency::idempotent;

    put_operation(std::string key, value v, std::string collection)
        : key_(std::move(key)), value_(std::move(v)), collection_(std::move(collection)) {}

    client::operation_label label() const { return {"put", collection_, &key_}; }

    protocol::request request(const client::operation_context& op) const {
        const service_mode mode = op.service().mode;
        std::string table = op.table();
        const std::string row = codec::escape_key(key_, mode);
        const codec::entity_key key(op.settings().partition, row);
        protocol::request r = protocol::upsert_entity(table, key, codec::encode_entity(key, value_, mode));
        r.table = std::move(table);
        return r;
    }

    async::outcome<void> read(client::operation_context& op, const client::call_result& result) const {
        if (!result.succeeded) return op.exception_for(result);
        return {};
    }

private:
    std::string key_;
    value value_;
    std::string collection_;
};

} // namespace

asio::awaitable<void> store::put(std::string key, value v, std::string collection) {
    return operations::perform(impl_, put_operation(std::move(key), std::move(v), std::move(collection)));
}

void blocking_store::put(std::string key, value v, std::string collection) {
    impl_->run([&](store& s) { return s.put(std::move(key), std::move(v), std::move(collection)); });
}

} // namespace azkv
