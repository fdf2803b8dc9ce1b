#include "emulator/fault_view.hpp"
#include "support/require.hpp"

#include <azkv/faults.hpp>

#include <iterator>

namespace azkv {

using emulation::fault_kind;

namespace {

bool is_time(std::chrono::milliseconds t) {
    return t.count() >= 0 && t <= std::chrono::hours(24);
}

void require_time(std::chrono::milliseconds t) {
    require(is_time(t), "invalid time of a fault: it must be from 0 to 24 hours");
}

// `/T` or `/T()`, with or without the account before it, but not the list of tables.
bool is_query(std::string_view method, std::string_view target) {
    const auto path = target.substr(0, target.find('?'));
    const auto segment = path.substr(path.rfind('/') + 1);
    return method == "GET" && !segment.empty() && segment != "Tables"
           && (segment.find('(') == segment.npos || segment.ends_with("()"));
}

} // namespace

fault fault::answer(unsigned status, std::string code, std::string message) {
    require(status >= 400 && status <= 599, "invalid status of a fault: it must be from 400 to 599");
    fault f(fault_kind::answer);
    f.status_ = status;
    f.code_ = std::move(code);
    f.text_ = std::move(message);
    return f;
}

fault fault::answer_body(unsigned status, std::string body, std::string content_type) {
    fault f = answer(status, {}, std::move(body));
    f.kind_ = fault_kind::answer_body;
    f.header("Content-Type", std::move(content_type));
    return f;
}

fault fault::answer_in_batch(unsigned status, std::string code, std::string message) {
    fault f = answer(status, std::move(code), std::move(message));
    f.kind_ = fault_kind::answer_in_batch;
    return f;
}

fault fault::close() {
    return fault(fault_kind::close);
}

fault fault::cut_request(std::size_t bytes) {
    fault f(fault_kind::cut_request);
    f.count_ = bytes;
    return f;
}

fault fault::cut_answer(std::size_t bytes) {
    fault f(fault_kind::cut_answer);
    f.count_ = bytes;
    return f;
}

fault fault::lose_answer() {
    return cut_answer(0);
}

fault fault::close_after() {
    return fault(fault_kind::close_after);
}

fault fault::reset() {
    return fault(fault_kind::reset);
}

fault fault::garbage(std::string bytes) {
    fault f(fault_kind::garbage);
    f.text_ = std::move(bytes);
    return f;
}

fault fault::trickle(std::size_t bytes, milliseconds pause) {
    require(bytes > 0, "trickle: bytes must be at least 1");
    require_time(pause);
    fault f(fault_kind::trickle);
    f.count_ = bytes;
    f.pause_ = pause;
    return f;
}

fault fault::short_page(std::size_t rows) {
    fault f(fault_kind::short_page);
    f.count_ = rows;
    return f;
}

fault fault::delay(milliseconds time) {
    return fault(fault_kind::delay).after(time);
}

fault& fault::after(milliseconds time) {
    require_time(time);
    require_time(wait_ + time);
    wait_ += time;
    return *this;
}

fault& fault::header(std::string name, std::string text) {
    require((name + text).find_first_of("\r\n") == name.npos,
            "invalid header of a fault: it must be one line");
    headers_.emplace_back(std::move(name), std::move(text));
    return *this;
}

fault& fault::only_if(condition c) {
    require(kind_ != fault_kind::cut_request,
            "only_if: cut_request cannot have a condition, because it precedes the request");
    condition_ = std::move(c);
    return *this;
}

bool fault::is_read(std::string_view method, std::string_view) {
    return method == "GET";
}

bool fault::is_write(std::string_view method, std::string_view) {
    return method != "GET";
}

fault_plan& fault_plan::then(fault f, std::size_t times) {
    if (times > 0) script_.emplace_back(times, std::move(f));
    return *this;
}

fault_plan& fault_plan::pass(std::size_t times) {
    if (times > 0) script_.emplace_back(times, std::nullopt);
    return *this;
}

fault_plan& fault_plan::sometimes(double probability, fault f) {
    const double below = (chances_.empty() ? 0.0 : chances_.back().below) + probability;
    // Slightly more than 1: ten times 0.1 may exceed it.
    require(probability >= 0 && below <= 1 + 1e-9,
            "sometimes: the sum of the probabilities must be from 0 to 1");
    chances_.emplace_back(below, std::move(f));
    return *this;
}

fault_plan& fault_plan::sometimes(double probability) {
    const fault kinds[] = {fault::reset(), fault::lose_answer(), fault::answer(500, "InternalError"),
                           fault::answer(503, "ServerBusy"), fault::short_page(1)};
    fault_plan changed = *this; // all of them, or none
    for (const fault& f : kinds) changed.sometimes(probability / std::size(kinds), f);
    return *this = std::move(changed);
}

fault_plan& fault_plan::latency(std::chrono::milliseconds time, std::chrono::milliseconds jitter) {
    require(is_time(time) && is_time(jitter), "latency: the times must be from 0 to 24 hours");
    latency_ = time;
    jitter_ = jitter;
    return *this;
}

fault_plan& fault_plan::throttle(std::size_t per_second, std::chrono::milliseconds retry_after) {
    require(per_second > 0, "throttle: the limit must be at least 1 request per second");
    require_time(retry_after);
    per_second_ = per_second;
    retry_after_ = retry_after;
    return *this;
}

fault_plan& fault_plan::throttle_partitions(std::size_t entities_per_second, std::size_t burst) {
    constexpr std::size_t most = 1'000'000'000;
    require(entities_per_second > 0 && entities_per_second <= most && burst <= most,
            "throttle_partitions: the limits must be from 1 to 1,000,000,000 entities");
    entities_per_second_ = entities_per_second;
    burst_ = burst == 0 ? entities_per_second : burst;
    return *this;
}

bool emulation::fault_view::applies_to(std::string_view method, std::string_view target) const {
    return (fault_.kind_ != fault_kind::short_page || is_query(method, target))
           && (!fault_.condition_ || fault_.condition_(method, target));
}

} // namespace azkv
