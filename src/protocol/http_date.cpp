#include "protocol/http_date.hpp"

#include <ctime>
#include <iomanip>
#include <locale>
#include <sstream>

namespace azkv::protocol {

namespace {

constexpr char format[] = "%a, %d %b %Y %H:%M:%S GMT";

} // namespace

std::string http_date(std::chrono::system_clock::time_point at) {
    const std::time_t seconds = std::chrono::system_clock::to_time_t(at);
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    std::ostringstream text; // not strftime: the names of days must not follow the program's locale
    text.imbue(std::locale::classic());
    text << std::put_time(&parts, format);
    return text.str();
}

std::optional<std::chrono::sys_seconds> parse_http_date(const std::string& text) {
    std::tm parts{};
    std::istringstream in(text);
    in.imbue(std::locale::classic());
    in >> std::get_time(&parts, format);
    if (in.fail()) return std::nullopt;
    return std::chrono::sys_seconds(std::chrono::seconds(timegm(&parts)));
}

} // namespace azkv::protocol
