#include "protocol/service_error.hpp"

#include <boost/algorithm/string/predicate.hpp>
#include <boost/algorithm/string/trim.hpp>
#include <boost/json/parse.hpp>
#include <boost/property_tree/xml_parser.hpp>

#include <sstream>

namespace azkv::protocol {

namespace json = boost::json;

namespace {

constexpr std::size_t max_error_body = 256 * 1024; // a longer one is not worth reading

// {"odata.error":{"code":"..","message":{"lang":"..","value":".."}}}
service_error from_json(const std::string& body) {
    service_error e;
    boost::system::error_code ec;
    const json::value root = json::parse(body, ec);
    if (ec || !root.is_object()) return e;
    const json::value* const outer = root.get_object().if_contains("odata.error");
    if (!outer || !outer->is_object()) return e;
    const json::object& details = outer->get_object();
    if (const auto* code = details.if_contains("code"); code && code->is_string())
        e.code = code->get_string();
    if (const auto* message = details.if_contains("message"); message && message->is_object())
        if (const auto* text = message->get_object().if_contains("value"); text && text->is_string())
            e.message = text->get_string();
    return e;
}

// <Error><Code>..</Code><Message>..</Message></Error>, in either case, with or without a namespace prefix
service_error from_xml(const std::string& body) {
    service_error e;
    namespace tree = boost::property_tree;
    tree::ptree document;
    try {
        std::istringstream text(body);
        tree::read_xml(text, document);
    } catch (const tree::xml_parser_error&) {
        return e;
    }
    for (const auto& root : document) {
        for (const auto& [name, element] : root.second) {
            const auto local = std::string_view(name).substr(name.find(':') + 1);
            if (boost::algorithm::iequals(local, "code")) e.code = element.data();
            if (boost::algorithm::iequals(local, "message")) e.message = element.data();
        }
    }
    return e;
}

} // namespace

service_error read_error(const response& r) {
    service_error e;
    if (r.body.size() <= max_error_body) {
        const auto first = r.body.find_first_not_of(" \r\n\t\xEF\xBB\xBF");
        if (first != r.body.npos && r.body[first] == '{') e = from_json(r.body);
        if (first != r.body.npos && r.body[first] == '<') e = from_xml(r.body.substr(first));
    }
    if (e.code.empty()) e.code = r.error_code;
    boost::algorithm::trim(e.message);
    return e;
}

errc classify(const response& r, const service_error& e) {
    // https://learn.microsoft.com/rest/api/storageservices/table-service-error-codes
    if (e.code == "EntityTooLarge" || e.code == "PropertyValueTooLarge" || e.code == "TooManyProperties"
        || e.code == "RequestBodyTooLarge" || r.status == 413)
        return errc::too_large;
    switch (r.status) {
    case 401: return errc::unauthorized;
    case 403: return errc::forbidden;
    case 404: return errc::not_found;
    case 408: return errc::timed_out;
    case 409: return errc::conflict;
    case 412: return errc::precondition_failed;
    case 429: return errc::throttled;
    case 503: return e.code == "ServerBusy" ? errc::throttled : errc::server_error;
    default: break;
    }
    if (r.status >= 500 && r.status < 600) return errc::server_error;
    if (r.status >= 400) return errc::rejected;
    return errc::bad_response; // a success or a redirection that nobody asked for
}

} // namespace azkv::protocol
