#include "client/missing.hpp"
#include "codec/entity.hpp"
#include "codec/names.hpp"
#include "operations/perform.hpp"
#include "protocol/requests.hpp"
#include "store/blocking_impl.hpp"
#include "store/store_impl.hpp"

#include <utility>

namespace azkv {

namespace {

class get_operation {
public:
    using result = std::optional<value>;
    static constexpr auto idempotency = protocol::idempotency::idempotent;

    get_operation(std::string key, std::string collection, projection select)
        : key_(std::move(key)), collection_(std::move(collection)), select_(std::move(select)) {}

    client::operation_label label() const { return {"get", collection_, &key_}; }

    protocol::request request(const client::operation_context& op) {
        const service_mode mode = op.service().mode;
        row_ = codec::escape_key(key_, mode);
        const std::string list = codec::select_list(select_, mode, false);
        columns_ = list.empty() ? codec::columns::all : codec::columns::selected;
        return protocol::get_entity(op.table(), codec::entity_key(op.settings().partition, row_), list);
    }

    async::outcome<result> read(client::operation_context& op, const client::call_result& result) const {
        if (result.succeeded) {
            const codec::expected_keys keys(op.settings().partition, row_);
            return std::optional(codec::decode_entity(result.response.body, keys, select_, columns_));
        }
        if (client::what_is_missing(result.response) == client::missing::none)
            return op.exception_for(result);
        return std::optional<value>();
    }

private:
    std::string key_;
    std::string collection_;
    projection select_;
    std::string row_; // the key as stored
    codec::columns columns_ = codec::columns::all;
};

} // namespace

asio::awaitable<std::optional<value>> store::get(std::string key, std::string collection, projection select) {
    return operations::perform(impl_,
                               get_operation(std::move(key), std::move(collection), std::move(select)));
}

std::optional<value> blocking_store::get(std::string key, std::string collection, projection select) {
    return impl_->run(
        [&](store& s) { return s.get(std::move(key), std::move(collection), std::move(select)); });
}

} // namespace azkv
