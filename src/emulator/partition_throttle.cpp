#include "emulator/partition_throttle.hpp"

#include "emulator/batch_format.hpp"
#include "emulator/entity_json.hpp"
#include "emulator/filter.hpp"
#include "emulator/target.hpp"
#include "support/ascii.hpp"

#include <algorithm>
#include <cmath>
#include <exception>

namespace azkv::emulation {

namespace {

constexpr std::size_t least_buckets = 1024;

class charge_reader {
public:
    charge_reader(const request& r, std::string_view account, service_mode mode)
        : request_(r), account_(account), mode_(mode) {}

    // Throws `failure`.
    std::optional<partition_charge> read() const {
        const target t = read_target(request_.target, request_.header("Host"), account_, mode_);
        if (t.what != target::kind::batch) return of_operation(request_, t);
        const batch_request batch = parse_batch(request_.header("Content-Type"), request_.body);
        if (batch.operations.empty()) return std::nullopt;
        const request& first = batch.operations.front(); // all are about the partition of the first
        auto charge = of_operation(
            first, read_operation_target(first.target, request_.header("Host"), account_, mode_));
        if (charge) charge->entities = batch.operations.size();
        if (charge) charge->is_query = false;
        return charge;
    }

private:
    std::optional<partition_charge> of_operation(const request& r, const target& t) const {
        if (t.parameter("comp") || r.method == "OPTIONS") return std::nullopt;
        if (t.what == target::kind::entity) return of_partition(t, t.partition_key);
        if (t.what != target::kind::entities) return std::nullopt;
        if (r.method != "GET") {
            const auto key = read_entity(r.body, mode_).partition_key;
            return key ? std::optional(of_partition(t, *key)) : std::nullopt;
        }
        const std::string* const condition = t.parameter("$filter");
        const auto key = condition ? filter::parse(*condition, mode_).keys().partition_key : std::nullopt;
        if (!key) return std::nullopt;
        partition_charge charge = of_partition(t, *key);
        charge.is_query = true;
        return charge;
    }

    partition_charge of_partition(const target& t, const std::string& key) const {
        std::string name(account_);
        name.push_back('\0');
        name.append(mode_ == service_mode::storage ? ascii::to_lower(t.table) : t.table);
        name.push_back('\0');
        name.append(key);
        return partition_charge(std::move(name), 1);
    }

    const request& request_;
    std::string_view account_;
    service_mode mode_;
};

} // namespace

std::optional<partition_charge> read_charge(const request& r, std::string_view account, service_mode mode) {
    try {
        return charge_reader(r, account, mode).read();
    } catch (const std::exception&) { // the service says what is wrong with it
        return std::nullopt;
    }
}

partition_throttle::partition_throttle(std::size_t entities_per_second, std::size_t burst)
    : per_second_(static_cast<double>(entities_per_second)), burst_(static_cast<double>(burst)),
      clean_up_at_(least_buckets) {}

std::optional<std::chrono::milliseconds> partition_throttle::take(const std::string& partition,
                                                                  std::size_t entities, time_point now) {
    bucket& b = find(partition, now);
    const double wanted = std::min(static_cast<double>(entities), burst_);
    constexpr double rounding = 1e-6;
    if (b.entities + rounding < wanted) {
        const double wait = std::ceil((wanted - b.entities) / per_second_ * 1000);
        return std::chrono::milliseconds(std::max<std::int64_t>(1, static_cast<std::int64_t>(wait)));
    }
    b.entities -= static_cast<double>(entities);
    return std::nullopt;
}

void partition_throttle::charge(const std::string& partition, std::size_t entities, time_point now) {
    find(partition, now).entities -= static_cast<double>(entities);
}

double partition_throttle::filled(const bucket& b, time_point now) const {
    const std::chrono::duration<double> passed = std::max(now - b.since, time_point::duration(0));
    return std::min(b.entities + passed.count() * per_second_, burst_);
}

partition_throttle::bucket& partition_throttle::find(const std::string& partition, time_point now) {
    if (buckets_.size() >= clean_up_at_) {
        std::erase_if(buckets_, [&](const auto& each) { return filled(each.second, now) >= burst_; });
        clean_up_at_ = std::max(least_buckets, 2 * buckets_.size());
    }
    bucket& b = buckets_.try_emplace(partition, burst_, now).first->second;
    b.entities = filled(b, now);
    b.since = std::max(b.since, now);
    return b;
}

} // namespace azkv::emulation
