#include "faults/pooled_store.hpp"

#include "client/service_context.hpp"
#include "store/store_impl.hpp"
#include "store/transport_settings.hpp"

#include <mutex>
#include <utility>

namespace azkv::test {

class pooled_store::measured_transport final : public net::transport {
public:
    measured_transport(const asio::any_io_executor& executor, const client::service_context& a)
        : over(executor, pool_limits(a), connector_settings(a)) {}

    asio::awaitable<void> run(net::exchange& x) override {
        x.write_head();
        {
            const std::lock_guard lock(mutex_);
            if (sizes_.size() < most) sizes_.push_back(x.head.size() + x.body.size());
        }
        x.writer = nullptr; // the head has been read
        return over.run(x);
    }

    void close() override { over.close(); }

    std::vector<std::size_t> sizes() {
        const std::lock_guard lock(mutex_);
        return std::exchange(sizes_, {});
    }

    net::http_transport over;

private:
    static constexpr std::size_t most = 100; // no test reads more

    std::mutex mutex_;
    std::vector<std::size_t> sizes_;
};

pooled_store::pooled_store(const asio::any_io_executor& executor,
                           std::shared_ptr<const client::service_context> a)
    : transport_(std::make_shared<measured_transport>(executor, *a)),
      db(detail::store_access::make(executor, std::move(a), transport_)) {}

pooled_store::pooled_store(asio::any_io_executor executor, std::string_view connection_string,
                           store_options options)
    : pooled_store(executor,
                   client::service_context::from_connection_string(connection_string, std::move(options))) {}

pooled_store::pooled_store(asio::any_io_executor executor, std::string_view endpoint, const credential& c,
                           store_options options)
    : pooled_store(executor,
                   std::make_shared<const client::service_context>(endpoint, c, std::move(options))) {}

std::size_t pooled_store::in_use() const {
    return transport_->over.connections().in_use();
}

std::size_t pooled_store::idle() const {
    return transport_->over.connections().idle();
}

std::vector<std::size_t> pooled_store::sizes_of_requests() {
    return transport_->sizes();
}

} // namespace azkv::test
