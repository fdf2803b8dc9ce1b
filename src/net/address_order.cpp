#include "net/address_order.hpp"

#include <algorithm>

namespace azkv::net {

namespace {

constexpr std::chrono::minutes preference_lifetime{10};

// Moves the first matching address at or after `from` to `from`.
template <class Predicate>
void bring_forward(address_order::addresses& a, std::size_t from, Predicate matches) {
    const auto to = a.begin() + static_cast<std::ptrdiff_t>(from);
    const auto it = std::find_if(to, a.end(), matches);
    if (it != a.end()) std::rotate(to, it, it + 1);
}

} // namespace

void address_order::sort(const std::string& host, addresses& a, time_point now) const {
    if (a.size() == 1) return;
    {
        const std::lock_guard lock(mutex_);
        const auto known = preferred_.find(host);
        if (known != preferred_.end() && now < known->second.until)
            bring_forward(a, 0, [&](const auto& x) { return x == known->second.address; });
    }
    for (std::size_t i = 1; i < a.size(); ++i)
        bring_forward(a, i, [other = !a[i - 1].is_v6()](const auto& x) { return x.is_v6() == other; });
}

void address_order::record_response(const std::string& host, const addresses& sorted,
                                    const asio::ip::address& a, time_point now) {
    if (a != sorted.front()) prefer(host, a, now);
}

void address_order::record_silence(const std::string& host, const addresses& sorted, std::size_t tried,
                                   time_point now) {
    if (sorted.size() > 1) prefer(host, sorted[tried < sorted.size() ? tried : 1], now);
}

void address_order::prefer(const std::string& host, const asio::ip::address& a, time_point now) {
    const std::lock_guard lock(mutex_);
    preference& p = preferred_[host];
    p.address = a;
    p.until = now + preference_lifetime;
}

} // namespace azkv::net
