#include "faults/pooled_store.hpp"

#include "client/service_context.hpp"
#include "net/proxy_access.hpp"
#include "store/store_impl.hpp"

#include <mutex>
#include <utility>

namespace azkv::test {

namespace {

net::connector::settings settings_of(const account& a) {
    net::connector::settings s;
    s.connect_timeout = a.options.connect_timeout();
    s.idle_timeout = a.options.idle_timeout();
    s.max_response_size = a.options.max_response_size();
    s.tls = a.tls;
    s.proxy = net::proxy_access::settings(a.options.proxy());
    return s;
}

} // namespace

class pooled_store::measured_transport final : public net::transport {
public:
    measured_transport(const asio::any_io_executor& executor, const account& a)
        : over(executor, net::pool::limits(a.options.max_connections()), settings_of(a)) {}

    asio::awaitable<void> run(net::exchange& x) override {
        x.write_head();
        {
            const std::lock_guard lock(mutex_);
            if (sizes_.size() < most) sizes_.push_back(x.head.size() + x.body.size());
        }
        x.writer = nullptr; // the head is there
        return over.run(x);
    }

    void close() override { over.close(); }

    std::vector<std::size_t> sizes() {
        const std::lock_guard lock(mutex_);
        return std::exchange(sizes_, {});
    }

    net::http_transport over;

private:
    static constexpr std::size_t most = 100; // nobody looks at more

    std::mutex mutex_;
    std::vector<std::size_t> sizes_;
};

pooled_store::pooled_store(const asio::any_io_executor& executor, std::shared_ptr<const account> a)
    : transport_(std::make_shared<measured_transport>(executor, *a)),
      db(detail::store_access::make(executor, std::move(a), transport_)) {}

pooled_store::pooled_store(asio::any_io_executor executor, std::string_view connection_string,
                           store_options options)
    : pooled_store(executor, account::from_connection_string(connection_string, std::move(options))) {}

pooled_store::pooled_store(asio::any_io_executor executor, std::string_view endpoint, const credential& c,
                           store_options options)
    : pooled_store(executor, std::make_shared<const account>(endpoint, c, std::move(options))) {}

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
