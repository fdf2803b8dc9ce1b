#include "emulator/deleted_tables.hpp"

#include "support/ascii.hpp"

namespace azkv::emulation {

void deleted_tables::add(std::string_view table, time_point now) {
    if (deletion_time_.count() == 0) return;
    std::erase_if(gone_at_, [&](const auto& each) { return each.second <= now; });
    gone_at_.insert_or_assign(ascii::to_lower(table), now + deletion_time_);
}

bool deleted_tables::has(std::string_view table, time_point now) const {
    if (gone_at_.empty()) return false;
    const auto found = gone_at_.find(ascii::to_lower(table));
    return found != gone_at_.end() && now < found->second;
}

} // namespace azkv::emulation
