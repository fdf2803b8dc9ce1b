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

class get_entry_operation {
public:
    using result = std::optional<entry>;
    static constexpr auto idempotency = protocol::idempotency::idempotent;

    get_entry_operation(std::string key, std::string collection, projection select)
        : key_(std::move(key)), collection_(std::move(collection)), select_(std::move(select)) {}

    client::operation_label label() const { return {"get_entry", collection_, &key_}; }

    protocol::request request(const client::operation_context& op) {
        const service_mode mode = op.service().mode;
        row_ = codec::escape_key(key_, mode);
        const std::string list = codec::select_list(select_, mode, true);
        columns_ = list.empty() ? codec::columns::all : codec::columns::selected;
        protocol::request r =
            protocol::get_entity(op.table(), codec::entity_key(op.settings().partition, row_), list);
        r.only_primary = true; // the version of an old copy would only lose races
        return r;
    }

    async::outcome<result> read(client::operation_context& op, const client::call_result& result) const {
        if (result.succeeded) {
            const codec::expected_keys keys(op.settings().partition, row_);
            return std::optional(codec::decode_entry(result.response.body, keys, select_, columns_));
        }
        if (client::what_is_missing(result.response) == client::missing::none)
            return op.exception_for(result);
        return std::optional<entry>();
    }

private:
    std::string key_;
    std::string collection_;
    projection select_;
    std::string row_; // the key as stored
    codec::columns columns_ = codec::columns::all;
};

} // namespace

asio::awaitable<std::optional<entry>> store::get_entry(std::string key, std::string collection,
                                                       projection select) {
    return operations::perform(impl_,
                               get_entry_operation(std::move(key), std::move(collection), std::move(select)));
}

std::optional<entry> blocking_store::get_entry(std::string key, std::string collection, projection select) {
    return impl_->run(
        [&](store& s) { return s.get_entry(std::move(key), std::move(collection), std::move(select)); });
}

} // namespace azkv
