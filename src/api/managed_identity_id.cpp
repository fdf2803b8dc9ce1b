#include <azkv/error.hpp>
#include <azkv/identity.hpp>

#include <utility>

namespace azkv {

managed_identity_id::managed_identity_id(kind k, std::string id) : kind_(k), id_(std::move(id)) {
    if (id_.empty()) throw error(errc::invalid_argument, "invalid managed identity: the id is empty");
}

managed_identity_id managed_identity_id::client(std::string id) {
    return managed_identity_id(kind::client, std::move(id));
}

managed_identity_id managed_identity_id::object(std::string id) {
    return managed_identity_id(kind::object, std::move(id));
}

managed_identity_id managed_identity_id::resource(std::string id) {
    return managed_identity_id(kind::resource, std::move(id));
}

} // namespace azkv
