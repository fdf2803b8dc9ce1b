#include "emulator/request_log.hpp"

#include "emulator/edm.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

namespace azkv::emulation {

namespace {

// As written: another encoding of a name is not shown either.
constexpr std::array<std::string_view, 12> shown{"$filter",          "$format",    "$select",       "$top",
                                                 "%24filter",        "%24format",  "%24select",     "%24top",
                                                 "NextPartitionKey", "NextRowKey", "NextTableName", "comp"};

std::string_view name_of(fault_kind kind) {
    switch (kind) {
    case fault_kind::answer: return "answer";
    case fault_kind::answer_body: return "answer_body";
    case fault_kind::answer_in_batch: return "answer_in_batch";
    case fault_kind::close: return "close";
    case fault_kind::cut_request: return "cut_request";
    case fault_kind::cut_answer: return "cut_answer";
    case fault_kind::close_after: return "close_after";
    case fault_kind::reset: return "reset";
    case fault_kind::garbage: return "garbage";
    case fault_kind::trickle: return "trickle";
    case fault_kind::short_page: return "short_page";
    case fault_kind::delay: return "delay";
    case fault_kind::throttle: return "throttle";
    case fault_kind::partition_throttle: return "partition_throttle";
    }
    return "?";
}

std::string write_time(std::chrono::system_clock::time_point time) {
    const auto since_1970 = std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch());
    std::string text = format_date_time(now_in_ticks(since_1970.count()), fraction::seven);
    constexpr std::size_t beyond_milliseconds = 5; // four digits and the Z
    text.resize(text.size() - beyond_milliseconds);
    return text + "Z";
}

// A line stays one, whatever the client has sent.
std::string printable(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c > ' ' && c < 0x7F) {
            out.push_back(c);
        } else {
            char escaped[4];
            std::snprintf(escaped, sizeof escaped, "%%%02X", static_cast<unsigned char>(c));
            out.append(escaped);
        }
    }
    return out;
}

} // namespace

std::string safe_target(std::string_view target) {
    const auto question_mark = std::min(target.find('?'), target.size());
    // A question mark that was encoded by mistake begins a query all the same.
    const std::string_view path = target.substr(0, question_mark);
    // So does the first field of a signature that was appended without one.
    const auto encoded = std::min({path.find("%3F"), path.find("%3f"), path.find("&"), path.find("sv="),
                                   path.find("sig="), path.size()});
    std::string out = printable(path.substr(0, encoded)) + (encoded < path.size() ? "..." : "");
    std::string_view query = target.substr(question_mark);
    char separator = '?';
    while (!query.empty()) {
        query.remove_prefix(1); // the separator
        const std::string_view parameter = query.substr(0, query.find('&'));
        query.remove_prefix(parameter.size());
        const std::string_view name = parameter.substr(0, parameter.find('='));
        const bool is_shown = std::ranges::find(shown, name) != shown.end();
        if (!is_shown && out.ends_with("...")) continue;
        out.push_back(separator);
        out.append(is_shown ? printable(parameter) : "...");
        separator = '&';
    }
    return out;
}

std::string write_line(const log_entry& e) {
    char milliseconds[32];
    std::snprintf(milliseconds, sizeof milliseconds, " %lld.%02lldms",
                  static_cast<long long>(e.took.count() / 1000),
                  static_cast<long long>(e.took.count() % 1000 / 10));
    std::string line = write_time(e.time);
    line.append(" ").append(e.address);
    if (e.asked)
        line.append(" ").append(printable(e.asked->method)).append(" ").append(safe_target(e.asked->target));
    else
        line.append(" - -");
    line.append(" ").append(e.status == 0 ? "-" : std::to_string(e.status)).append(milliseconds);
    if (e.fault) line.append(" ").append(name_of(*e.fault));
    return line;
}

} // namespace azkv::emulation
