// Cross-origin requests, as browsers make them.
#pragma once

#include "emulator/message.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace azkv::emulation {

/// Which pages may do what. A list with `*` allows everything; a name of a header that ends in `*` is a
/// prefix.
class cors_rule {
public:
    std::vector<std::string> origins;
    std::vector<std::string> methods;
    std::vector<std::string> allowed_headers;
    std::vector<std::string> exposed_headers;
    std::string max_age; // in seconds, for the browser's cache
};

/// The rules in the properties of the service. The first one for the origin and the method of a request
/// decides.
/// (https://learn.microsoft.com/rest/api/storageservices/cross-origin-resource-sharing--cors--support-for-the-azure-storage-services)
class cors_rules {
public:
    cors_rules() {}

    explicit cors_rules(std::vector<cors_rule> rules) : rules_(std::move(rules)) {}

    bool empty() const { return rules_.empty(); }

    /// Answers the question of a browser whether it may send a request. Throws `failure` (400, 403).
    /// (https://learn.microsoft.com/rest/api/storageservices/preflight-table-request)
    reply preflight(const request&) const;

    /// Adds the headers that allow a page to see the response, and those for caches. Without `Origin`, the
    /// response to a read has those of a rule for every origin.
    void add_headers(const request&, reply&) const;

private:
    const cors_rule* find(std::string_view origin, std::string_view method) const;

    std::vector<cors_rule> rules_;
};

} // namespace azkv::emulation
