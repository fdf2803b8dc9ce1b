#include "net/http_transport.hpp"
#include "protocol/connection_string.hpp"
#include "store/store_impl.hpp"
#include "store/transport_settings.hpp"
#include "store/views.hpp"

#include <azkv/store.hpp>

#include <utility>

namespace azkv {

using client::service_context;

store detail::store_access::make(asio::any_io_executor executor,
                                 std::shared_ptr<const service_context> service,
                                 std::shared_ptr<net::transport> transport, bool executor_outlives_calls) {
    client::call_settings settings = service->settings();
    auto sender = std::make_shared<const client::request_sender>(executor, executor_outlives_calls,
                                                                 std::move(service), std::move(transport));
    return store(
        std::make_shared<store::implementation>(std::move(executor), std::move(sender), std::move(settings)));
}

store detail::store_access::make(asio::any_io_executor executor,
                                 std::shared_ptr<const service_context> service,
                                 bool executor_outlives_calls) {
    auto transport =
        std::make_shared<net::http_transport>(executor, pool_limits(*service), connector_settings(*service));
    return make(std::move(executor), std::move(service), std::move(transport), executor_outlives_calls);
}

store detail::store_access::view(const store& s, client::call_settings settings) {
    return store(
        std::make_shared<store::implementation>(s.impl_->executor, s.impl_->sender, std::move(settings)));
}

store::store(std::shared_ptr<implementation> impl) : impl_(std::move(impl)) {}

store::store(asio::any_io_executor executor, std::string endpoint, credential credential,
             store_options options)
    : store(detail::store_access::make(std::move(executor), std::make_shared<const service_context>(
                                                                endpoint, credential, std::move(options)))) {}

store store::from_connection_string(asio::any_io_executor executor, std::string_view connection_string,
                                    store_options options) {
    return detail::store_access::make(
        std::move(executor), service_context::from_connection_string(connection_string, std::move(options)));
}

store store::from_connection_string(asio::any_io_executor executor, const char* connection_string,
                                    store_options options) {
    return from_connection_string(std::move(executor), protocol::present(connection_string),
                                  std::move(options));
}

store store::from_account_and_key(asio::any_io_executor executor, std::string account, secret key,
                                  store_options options) {
    return detail::store_access::make(
        std::move(executor),
        service_context::from_account_and_key(std::move(account), std::move(key), std::move(options)));
}

store store::from_sas_token(asio::any_io_executor executor, std::string endpoint, secret sas,
                            store_options options) {
    return detail::store_access::make(
        std::move(executor), service_context::from_sas_token(endpoint, std::move(sas), std::move(options)));
}

store store::from_account_and_id(asio::any_io_executor executor, std::string account, store_options options) {
    return detail::store_access::make(std::move(executor),
                                      service_context::from_account_and_id(account, std::move(options)));
}

store store::from_aad_token(asio::any_io_executor executor, std::string endpoint, store_options options) {
    return detail::store_access::make(std::move(executor),
                                      service_context::from_aad_token(endpoint, std::move(options)));
}

store::executor_type store::get_executor() const {
    return impl_->executor;
}

store store::in_partition(std::string_view partition) const {
    const service_mode mode = impl_->sender->service()->mode;
    return detail::store_access::view(*this, views::in_partition(impl_->settings, partition, mode));
}

store store::with_timeout(std::chrono::milliseconds timeout) const {
    return detail::store_access::view(*this, views::with_timeout(impl_->settings, timeout));
}

store store::with_max_attempts(int attempts) const {
    return detail::store_access::view(*this, views::with_max_attempts(impl_->settings, attempts));
}

store store::with_traceparent(std::string_view traceparent, std::string_view tracestate) const {
    return detail::store_access::view(*this,
                                      views::with_traceparent(impl_->settings, traceparent, tracestate));
}

} // namespace azkv
