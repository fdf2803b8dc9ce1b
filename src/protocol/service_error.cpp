#include "protocol/service_error.hpp"

#include "protocol/message.hpp"
#include "support/ascii.hpp"

#include <boost/algorithm/string/replace.hpp>
#include <boost/json/parse.hpp>

#include <algorithm>
#include <string_view>
#include <utility>

namespace azkv::protocol {

namespace json = boost::json;

namespace {

// https://learn.microsoft.com/rest/api/storageservices/status-and-error-codes2
constexpr std::string_view metadata_namespace = "schemas.microsoft.com/ado/2007/08/dataservices/metadata";

constexpr std::size_t max_error_body = 256 * 1024; // longer ones are ignored

// {"odata.error":{"code":"..","message":{"lang":"..","value":".."}}}
service_error from_json(std::string_view body) {
    service_error e;
    boost::system::error_code ec;
    const json::value root = json::parse(body, ec);
    if (ec || !root.is_object()) return e;
    const json::value* const outer = root.get_object().if_contains("odata.error");
    if (!outer || !outer->is_object()) return e;
    const json::object& details = outer->get_object();
    if (const auto* code = details.if_contains("code"); code && code->is_string())
        e.code = code->get_string();
    e.own_words = true;
    if (const auto* message = details.if_contains("message"); message && message->is_object())
        if (const auto* text = message->get_object().if_contains("value"); text && text->is_string())
            e.message = text->get_string();
    return e;
}

// Returns the text of an XML element up to its first child.
std::string xml_text(std::string_view text) {
    std::string plain(text.substr(0, text.find('<')));
    for (const auto& [entity, character] :
         {std::pair{"&lt;", "<"}, {"&gt;", ">"}, {"&quot;", "\""}, {"&apos;", "'"}, {"&amp;", "&"}})
        boost::algorithm::replace_all(plain, entity, character);
    return plain;
}

// <Error><Code>..</Code><Message>..</Message></Error>, in either case, with or without a namespace prefix.
// Errors about tables have the prefix or the namespace. Errors about the account have neither, like those of
// any other sender of XML. Only two elements are needed. A parser would build, and recurse into, everything
// else that the peer sends.
service_error from_xml(std::string_view body) {
    service_error e;
    bool at_root = true;
    for (auto at = body.find('<'); at != body.npos; at = body.find('<', at + 1)) {
        const auto end = body.find_first_of("<>", at + 1);
        if (end == body.npos) break;
        if (body[end] == '<') continue; // not a tag; searching on for its end would take quadratic time
        const std::string_view tag = body.substr(at + 1, end - at - 1);
        std::string_view name = tag.substr(0, tag.find_first_of(" \t\r\n/"));
        const auto prefix = name.find(':');
        name.remove_prefix(prefix + 1); // npos + 1 is 0
        if (at_root && !name.starts_with('?')) {
            const bool of_tables = prefix != name.npos || tag.find(metadata_namespace) != tag.npos;
            e.own_words = of_tables && ascii::is_equal(name, "error");
            at_root = false;
        }
        if (e.code.empty() && ascii::is_equal(name, "code")) e.code = xml_text(body.substr(end + 1));
        if (e.message.empty() && ascii::is_equal(name, "message")) e.message = xml_text(body.substr(end + 1));
    }
    return e;
}

} // namespace

service_error read_error(const response& r) {
    service_error e;
    if (r.body.size() <= max_error_body) {
        const auto first = r.body.find_first_not_of(" \r\n\t\xEF\xBB\xBF");
        const std::string_view body = std::string_view(r.body).substr(std::min(first, r.body.size()));
        if (body.starts_with('{')) e = from_json(body);
        if (body.starts_with('<')) e = from_xml(body);
    }
    e.own_words = e.own_words && !e.code.empty();
    if (e.code.empty()) e.code = r.error_code;
    e.message = std::string(ascii::trim(e.message));
    return e;
}

errc classify(const response& r, const service_error& e) {
    if (r.status < 400) return errc::bad_response; // an unexpected success or redirection
    // https://learn.microsoft.com/rest/api/storageservices/table-service-error-codes
    if (e.code == "EntityTooLarge" || e.code == "PropertyValueTooLarge" || e.code == "TooManyProperties"
        || e.code == "RequestBodyTooLarge" || r.status == 413)
        return errc::too_large;
    // These say something about the data, so they must come from the service and not from a proxy.
    const bool tells_of_data = r.status == 404 || r.status == 409 || r.status == 412;
    if (tells_of_data && !e.own_words) return errc::bad_response;
    switch (r.status) {
    case 401: return errc::unauthorized;
    case 403: return errc::forbidden;
    case 404: return errc::not_found;
    case 408: return errc::timed_out;
    case 409: return errc::conflict;
    case 412: return errc::precondition_failed;
    case 429: return errc::throttled;
    case 501: return errc::rejected; // permanent: the service does not support the request
    case 503: return e.code == "ServerBusy" ? errc::throttled : errc::server_error;
    default: break;
    }
    return r.status >= 500 && r.status < 600 ? errc::server_error : errc::rejected;
}

} // namespace azkv::protocol
