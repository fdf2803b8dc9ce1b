#include "codec/entity.hpp"
#include "codec/names.hpp"
#include "operations/perform.hpp"
#include "operations/row_address.hpp"
#include "protocol/requests.hpp"
#include "store/blocking_impl.hpp"
#include "store/store_impl.hpp"

#include <utility>

namespace azkv {

namespace {

async::outcome<etag> version_written(client::operation_context& op, const client::call_result& result) {
    if (!result.succeeded) return op.exception_for(result);
    return etag(std::string(result.response.etag.view()));
}

class put_operation {
public:
    using result = etag;
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

    async::outcome<etag> read(client::operation_context& op, const client::call_result& result) const {
        return version_written(op, result);
    }

private:
    std::string key_;
    value value_;
    std::string collection_;
};

class put_entry_operation {
public:
    using result = etag;
    static constexpr auto idempotency = protocol::idempotency::idempotent;

    put_entry_operation(entry e, std::string collection)
        : entry_(std::move(e)), collection_(std::move(collection)) {}

    client::operation_label label() const { return {"put", collection_, &entry_.key()}; }

    protocol::request request(const client::operation_context& op) const {
        operations::require_whole(entry_);
        const operations::row_address at(op, entry_);
        codec::entity_extras extras;
        extras.typed = &entry_;
        std::string table = op.table();
        protocol::request r = protocol::upsert_entity(
            table, at.key(), codec::encode_entity(at.key(), entry_.value(), op.service().mode, extras));
        r.table = std::move(table);
        r.partition = at.partition;
        return r;
    }

    async::outcome<etag> read(client::operation_context& op, const client::call_result& result) const {
        return version_written(op, result);
    }

private:
    entry entry_;
    std::string collection_;
};

} // namespace

asio::awaitable<etag> store::put(entry e, std::string collection) {
    return operations::perform(impl_, put_entry_operation(std::move(e), std::move(collection)));
}

etag blocking_store::put(entry e, std::string collection) {
    return impl_->run([&](store& s) { return s.put(std::move(e), std::move(collection)); });
}

asio::awaitable<etag> store::put(std::string key, value v, std::string collection) {
    return operations::perform(impl_, put_operation(std::move(key), std::move(v), std::move(collection)));
}

etag blocking_store::put(std::string key, value v, std::string collection) {
    return impl_->run([&](store& s) { return s.put(std::move(key), std::move(v), std::move(collection)); });
}

} // namespace azkv
