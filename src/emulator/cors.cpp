#include "emulator/cors.hpp"

#include "emulator/failure.hpp"
#include "support/ascii.hpp"

#include <algorithm>
#include <array>

namespace azkv::emulation {

namespace {

bool contains(const std::vector<std::string>& list, std::string_view item) {
    return std::ranges::find(list, item) != list.end();
}

bool has_any_origin(const cors_rule& rule) {
    return contains(rule.origins, "*");
}

// Whether a list of headers has a name, ignoring case.
bool has_header(const std::vector<std::string>& list, std::string_view name) {
    return std::ranges::any_of(list, [&](std::string_view item) {
        if (!item.ends_with('*')) return ascii::is_equal(item, name);
        item.remove_suffix(1);
        return ascii::is_equal(item, name.substr(0, item.size()));
    });
}

bool allows_headers(const cors_rule& rule, std::string_view names) {
    return std::ranges::all_of(ascii::list_items(names), [&](std::string_view name) {
        return name.empty() || has_header(rule.allowed_headers, name);
    });
}

// The names of the response's headers that a page may see, in the order of the service.
std::string exposed_headers(const cors_rule& rule, const reply& answer) {
    constexpr std::array<std::string_view, 6> first{
        "x-ms-request-id", "x-ms-client-request-id", "Server",
        "x-ms-version",    "X-Content-Type-Options", "Cache-Control"};
    // Named even if the response does not have them.
    constexpr std::array<std::string_view, 3> last{"Content-Length", "Date", "Transfer-Encoding"};
    constexpr std::string_view type = "Content-Type";
    std::string names;
    const auto add = [&](std::string_view name) {
        if (has_header(rule.exposed_headers, name)) names.append(names.empty() ? "" : ",").append(name);
    };
    for (const std::string_view name : first)
        if (find_header(answer.headers, name)) add(name);
    for (const auto& [name, value] : answer.headers)
        if (name != type && std::ranges::find(first, name) == first.end()
            && std::ranges::find(last, name) == last.end())
            add(name);
    // What responds in XML does not name its type.
    const std::string* const content = find_header(answer.headers, type);
    if (content && *content != "application/xml") add(type);
    std::ranges::for_each(last, add);
    return names;
}

} // namespace

const cors_rule* cors_rules::find(std::string_view origin, std::string_view method) const {
    const auto found = std::ranges::find_if(rules_, [&](const cors_rule& rule) {
        return (has_any_origin(rule) || contains(rule.origins, origin)) && contains(rule.methods, method);
    });
    return found == rules_.end() ? nullptr : &*found;
}

reply cors_rules::preflight(const request& r) const {
    const std::string_view origin = r.header("Origin"), method = r.header("Access-Control-Request-Method");
    if (origin.empty() || method.empty())
        throw failure(400, "InvalidHeaderValue", "A required CORS header is not present.");
    const std::string_view names = r.header("Access-Control-Request-Headers");
    const cors_rule* const rule = find(origin, method);
    if (!rule || !allows_headers(*rule, names))
        throw failure(403, "CorsPreflightFailure",
                      "CORS not enabled or no matching rule found for this request.");
    reply answer;
    answer.status = 200;
    answer.headers.emplace_back("Access-Control-Allow-Origin", origin);
    answer.headers.emplace_back("Access-Control-Allow-Methods", method);
    if (!names.empty()) answer.headers.emplace_back("Access-Control-Allow-Headers", names);
    answer.headers.emplace_back("Access-Control-Max-Age", rule->max_age);
    answer.headers.emplace_back("Access-Control-Allow-Credentials", "true");
    return answer;
}

void cors_rules::add_headers(const request& r, reply& answer) const {
    const std::string_view origin = r.header("Origin");
    // A cache may return the response to a page later, even if none has asked for it now.
    const bool cached = r.method == "GET" || r.method == "HEAD";
    if (origin.empty() && !cached) return;
    const cors_rule* const rule = find(origin, r.method);
    const bool any = rule && has_any_origin(*rule);
    if (rule) {
        const std::string exposed = exposed_headers(*rule, answer);
        answer.headers.emplace_back("Access-Control-Allow-Origin", any ? "*" : origin);
        if (!exposed.empty()) answer.headers.emplace_back("Access-Control-Expose-Headers", exposed);
        if (!any) answer.headers.emplace_back("Access-Control-Allow-Credentials", "true");
    }
    if (cached && !any) answer.headers.emplace_back("Vary", "Origin");
}

} // namespace azkv::emulation
