#include "operations/conditional_write.hpp"
#include "operations/perform.hpp"
#include "store/blocking_impl.hpp"
#include "store/store_impl.hpp"

#include <utility>

namespace azkv {

namespace {

class erase_version_operation : public operations::conditional_write {
public:
    erase_version_operation(std::string key, etag version, std::string collection)
        : key_(std::move(key)), version_(std::move(version)), collection_(std::move(collection)) {}

    client::operation_label label() const { return {"erase", collection_, &key_}; }

    protocol::request request(const client::operation_context& op) {
        return erasure(op, operations::row_address(op, key_), version_);
    }

private:
    std::string key_;
    etag version_;
    std::string collection_;
};

class erase_entry_operation : public operations::conditional_write {
public:
    erase_entry_operation(entry e, std::string collection)
        : entry_(std::move(e)), collection_(std::move(collection)) {}

    client::operation_label label() const { return {"erase", collection_, &entry_.key()}; }

    protocol::request request(const client::operation_context& op) {
        return erasure(op, operations::row_address(op, entry_), entry_.etag());
    }

private:
    entry entry_;
    std::string collection_;
};

} // namespace

asio::awaitable<write_result> store::erase(std::string key, etag version, std::string collection) {
    return operations::perform(
        impl_, erase_version_operation(std::move(key), std::move(version), std::move(collection)));
}

asio::awaitable<write_result> store::erase(entry e, std::string collection) {
    return operations::perform(impl_, erase_entry_operation(std::move(e), std::move(collection)));
}

write_result blocking_store::erase(std::string key, etag version, std::string collection) {
    return impl_->run(
        [&](store& s) { return s.erase(std::move(key), std::move(version), std::move(collection)); });
}

write_result blocking_store::erase(entry e, std::string collection) {
    return impl_->run([&](store& s) { return s.erase(std::move(e), std::move(collection)); });
}

} // namespace azkv
