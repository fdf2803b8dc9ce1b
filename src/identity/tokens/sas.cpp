#include "identity/tokens/sas.hpp"

#include "support/ascii.hpp"

#include <azkv/error.hpp>

#include <boost/url/params_encoded_view.hpp>
#include <boost/url/parse_query.hpp>

#include <cstdio>

namespace azkv::identity {

shared_access_signature::shared_access_signature(std::string_view token) {
    token = ascii::trim(token); // blanks and line ends that were copied with it
    if (token.starts_with('?')) token = ascii::trim(token.substr(1));
    if (token.starts_with("https://") || token.starts_with("http://"))
        throw error(errc::invalid_argument,
                    "invalid shared access signature: it is a URL; pass the part after its ?");
    token_.text = token;
    const auto parameters = boost::urls::parse_query(token_.text); // Boost 1.81 stops at a NUL
    if (!parameters || !parameters->contains("sig"))
        throw error(errc::invalid_argument,
                    "invalid shared access signature: it must be a query with a parameter \"sig\"");
}

// `se`: 2026-01-02, 2026-01-02T03:04Z or 2026-01-02T03:04:05Z
// (https://learn.microsoft.com/rest/api/storageservices/formatting-datetime-values)
std::optional<std::chrono::sys_seconds> shared_access_signature::expiry() const {
    using namespace std::chrono;
    const auto parameters = boost::urls::parse_query(token_.text);
    if (!parameters) return std::nullopt;
    const auto se = parameters->find("se");
    if (se == parameters->end()) return std::nullopt;
    const std::string text = (*se).value.decode();
    int y = 0, m = 0, d = 0, hour = 0, minute = 0, second = 0;
    const int read =
        std::sscanf(text.c_str(), "%4d-%2d-%2dT%2d:%2d:%2d", &y, &m, &d, &hour, &minute, &second);
    const year_month_day date = year(y) / m / d;
    const bool whole = read == 3 || (read > 4 && text.ends_with('Z'));
    if (!whole || !date.ok()) return std::nullopt;
    return sys_days(date) + hours(hour) + minutes(minute) + seconds(second);
}

} // namespace azkv::identity
