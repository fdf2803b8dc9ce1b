#include "net/address_order.hpp"

#include <algorithm>

namespace azkv::net {

namespace {

constexpr std::chrono::minutes memory{10};

// Moves the first address at or after `from` that fits to `from`.
template <class Predicate>
void bring_forward(address_order::addresses& a, std::size_t from, Predicate fits) {
    const auto to = a.begin() + static_cast<std::ptrdiff_t>(from);
    const auto it = std::find_if(to, a.end(), fits);
    if (it != a.end()) std::rotate(to, it, it + 1);
}

} // namespace

void address_order::sort(const std::string& host, addresses& a, time_point now) const {
    if (a.size() == 1) return;
    {
        const std::lock_guard lock(mutex_);
        const auto known = first_.find(host);
        if (known != first_.end() && now < known->second.until)
            bring_forward(a, 0, [&](const auto& x) { return x == known->second.at; });
    }
    for (std::size_t i = 1; i < a.size(); ++i)
        bring_forward(a, i, [other = !a[i - 1].is_v6()](const auto& x) { return x.is_v6() == other; });
}

void address_order::answered(const std::string& host, const addresses& sorted, const asio::ip::address& a,
                             time_point now) {
    if (a != sorted.front()) begin_at(host, a, now);
}

void address_order::were_silent(const std::string& host, const addresses& sorted, std::size_t tried,
                                time_point now) {
    if (sorted.size() > 1) begin_at(host, sorted[tried < sorted.size() ? tried : 1], now);
}

void address_order::begin_at(const std::string& host, const asio::ip::address& a, time_point now) {
    const std::lock_guard lock(mutex_);
    beginning& b = first_[host];
    b.at = a;
    b.until = now + memory;
}

} // namespace azkv::net
