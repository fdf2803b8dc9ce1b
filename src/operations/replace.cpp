#include "operations/conditional_write.hpp"
#include "operations/perform.hpp"
#include "store/blocking_impl.hpp"
#include "store/store_impl.hpp"

#include <utility>

namespace azkv {

namespace {

class replace_operation : public operations::conditional_write {
public:
    replace_operation(std::string key, value v, etag version, std::string collection)
        : key_(std::move(key)), value_(std::move(v)), version_(std::move(version)),
          collection_(std::move(collection)) {}

    client::operation_label label() const { return {"replace", collection_, &key_}; }

    protocol::request request(const client::operation_context& op) {
        return replacement(op, operations::row_address(op, key_), value_, version_, nullptr);
    }

private:
    std::string key_;
    value value_;
    etag version_;
    std::string collection_;
};

class replace_entry_operation : public operations::conditional_write {
public:
    replace_entry_operation(entry e, std::string collection)
        : entry_(std::move(e)), collection_(std::move(collection)) {}

    client::operation_label label() const { return {"replace", collection_, &entry_.key()}; }

    protocol::request request(const client::operation_context& op) {
        operations::require_whole(entry_);
        return replacement(op, operations::row_address(op, entry_), entry_.value(), entry_.etag(), &entry_);
    }

private:
    entry entry_;
    std::string collection_;
};

} // namespace

asio::awaitable<write_result> store::replace(std::string key, value v, etag version, std::string collection) {
    return operations::perform(
        impl_, replace_operation(std::move(key), std::move(v), std::move(version), std::move(collection)));
}

asio::awaitable<write_result> store::replace(entry e, std::string collection) {
    return operations::perform(impl_, replace_entry_operation(std::move(e), std::move(collection)));
}

write_result blocking_store::replace(std::string key, value v, etag version, std::string collection) {
    return impl_->run([&](store& s) {
        return s.replace(std::move(key), std::move(v), std::move(version), std::move(collection));
    });
}

write_result blocking_store::replace(entry e, std::string collection) {
    return impl_->run([&](store& s) { return s.replace(std::move(e), std::move(collection)); });
}

} // namespace azkv
