#include "protocol/connection_string.hpp"
#include "store/blocking_impl.hpp"
#include "store/store_impl.hpp"
#include "store/views.hpp"

#include <azkv/blocking_store.hpp>

#include <utility>

namespace azkv {

using client::service_context;

blocking_store::implementation::implementation(std::shared_ptr<const service_context> service)
    : sessions_(std::make_shared<support::per_process<blocking::session_pool>>(
        std::make_unique<blocking::session_pool>(std::move(service)))) {}

blocking::session_pool& blocking_store::implementation::sessions() {
    return sessions_->here([](const blocking::session_pool& parents) {
        return std::make_unique<blocking::session_pool>(parents.service()->for_child());
    });
}

client::call_settings blocking_store::implementation::settings() {
    return settings_ ? *settings_ : sessions().service()->settings();
}

store blocking_store::implementation::store_on(const blocking::session& s) const {
    return settings_ ? detail::store_access::view(s.store, *settings_) : s.store;
}

blocking_store::blocking_store(std::shared_ptr<implementation> impl) : impl_(std::move(impl)) {}

blocking_store::blocking_store(std::string endpoint, credential credential, store_options options)
    : blocking_store(std::make_shared<implementation>(
        std::make_shared<const service_context>(endpoint, credential, std::move(options)))) {}

blocking_store blocking_store::from_connection_string(std::string_view connection_string,
                                                      store_options options) {
    return blocking_store(std::make_shared<implementation>(
        service_context::from_connection_string(connection_string, std::move(options))));
}

blocking_store blocking_store::from_connection_string(const char* connection_string, store_options options) {
    return from_connection_string(protocol::present(connection_string), std::move(options));
}

blocking_store blocking_store::from_account_and_key(std::string account, secret key, store_options options) {
    return blocking_store(std::make_shared<implementation>(
        service_context::from_account_and_key(std::move(account), std::move(key), std::move(options))));
}

blocking_store blocking_store::from_sas_token(std::string endpoint, secret sas, store_options options) {
    return blocking_store(std::make_shared<implementation>(
        service_context::from_sas_token(endpoint, std::move(sas), std::move(options))));
}

blocking_store blocking_store::from_account_and_id(std::string account, store_options options) {
    return blocking_store(
        std::make_shared<implementation>(service_context::from_account_and_id(account, std::move(options))));
}

blocking_store blocking_store::from_aad_token(std::string endpoint, store_options options) {
    return blocking_store(
        std::make_shared<implementation>(service_context::from_aad_token(endpoint, std::move(options))));
}

blocking_store::blocking_store(blocking_store&&) noexcept = default;
blocking_store& blocking_store::operator=(blocking_store&&) noexcept = default;
blocking_store::~blocking_store() = default;

blocking_store blocking_store::in_partition(std::string_view partition) const {
    const service_mode mode = impl_->sessions().service()->mode;
    return blocking_store(
        std::make_shared<implementation>(*impl_, views::in_partition(impl_->settings(), partition, mode)));
}

blocking_store blocking_store::with_timeout(std::chrono::milliseconds timeout) const {
    return blocking_store(
        std::make_shared<implementation>(*impl_, views::with_timeout(impl_->settings(), timeout)));
}

blocking_store blocking_store::with_max_attempts(int attempts) const {
    return blocking_store(
        std::make_shared<implementation>(*impl_, views::with_max_attempts(impl_->settings(), attempts)));
}

blocking_store blocking_store::with_traceparent(std::string_view traceparent,
                                                std::string_view tracestate) const {
    return blocking_store(std::make_shared<implementation>(
        *impl_, views::with_traceparent(impl_->settings(), traceparent, tracestate)));
}

} // namespace azkv
