#include "operations/conditional_write.hpp"
#include "operations/perform.hpp"
#include "store/blocking_impl.hpp"
#include "store/store_impl.hpp"

#include <utility>

namespace azkv {

namespace {

class insert_operation : public operations::conditional_write {
public:
    insert_operation(std::string key, value v, std::string collection)
        : key_(std::move(key)), value_(std::move(v)), collection_(std::move(collection)) {}

    client::operation_label label() const { return {"insert", collection_, &key_}; }

    protocol::request request(const client::operation_context& op) {
        return insertion(op, operations::row_address(op, key_), value_);
    }

private:
    std::string key_;
    value value_;
    std::string collection_;
};

} // namespace

asio::awaitable<write_result> store::insert(std::string key, value v, std::string collection) {
    return operations::perform(impl_, insert_operation(std::move(key), std::move(v), std::move(collection)));
}

write_result blocking_store::insert(std::string key, value v, std::string collection) {
    return impl_->run(
        [&](store& s) { return s.insert(std::move(key), std::move(v), std::move(collection)); });
}

} // namespace azkv
