#include "emulator/service.hpp"

#include "codec/json_text.hpp"
#include "codec/utf.hpp"
#include "emulator/batches.hpp"
#include "emulator/context.hpp"
#include "emulator/entities.hpp"
#include "emulator/failure.hpp"
#include "emulator/queries.hpp"
#include "emulator/settings.hpp"
#include "emulator/tables.hpp"
#include "protocol/http_date.hpp"

#include <boost/property_tree/xml_parser.hpp>
#include <boost/uuid/uuid_io.hpp>

#include <algorithm>
#include <exception>
#include <stdexcept>

namespace azkv::emulation {

namespace {

constexpr std::string_view oldest_version = "2009-04-14";
constexpr std::string_view newest_version = "2026-06-06";
constexpr std::string_view default_version = "2019-02-02";
constexpr std::string_view first_version_with_code = "2017-07-29"; // in a header

std::string_view version_of(const request& r) {
    const std::string_view version = r.header("x-ms-version");
    return version.empty() ? default_version : version;
}

// A tenant that does not exist.
constexpr const char* challenge = "Bearer authorization_uri=https://login.microsoftonline.com/"
                                  "00000000-0000-0000-0000-000000000000/oauth2/authorize "
                                  "resource_id=https://storage.azure.com";

failure invalid_header() {
    return failure(400, "InvalidHeaderValue",
                   "The value for one of the HTTP headers is not in the correct format.");
}

// The host becomes part of the URLs in responses.
void check_host(std::string_view host) {
    if (host.empty())
        throw failure(400, "HostInformationNotPresent",
                      "The required host information is not present in the request.");
    const auto in_host = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
               || std::string_view("-._:[]").find(c) != std::string_view::npos;
    };
    constexpr std::size_t longest = 255 + 6; // a name and a port
    if (host.size() > longest || !std::ranges::all_of(host, in_host)) throw invalid_header();
}

void check_version(const request& r) {
    const std::string_view version = r.header("x-ms-version");
    if (version.empty()) return;
    const bool known = version.size() == newest_version.size() && oldest_version <= version
                       && version <= newest_version && parse_date_time(version);
    if (!known) throw invalid_header();
}

// In seconds. Only validated: no request takes that long.
void check_timeout(const target& t) {
    const std::string* const text = t.parameter("timeout");
    if (!text) return;
    const bool digits = std::ranges::all_of(*text, [](char c) { return c >= '0' && c <= '9'; });
    if (text->empty() || !digits) throw invalid_query_parameter();
}

// The software of Cosmos DB, as its gateway names it in messages. It differs from time to time.
constexpr std::string_view build = "documentdb-dotnet-sdk/2.11.0 Host/64-bit MicrosoftWindowsNT/6.2.9200.0";

// A message may repeat what the request has, which may be long, no UTF-8, or not be allowed in XML.
std::string repeatable(std::string_view message) {
    constexpr std::size_t longest = 8192;
    std::string text(codec::prefix_within(message, longest));
    if (text.size() < message.size()) text.append("...");
    const bool is_utf8 = codec::utf16_length(text) != std::string::npos;
    std::ranges::replace_if(
        text,
        [&](char c) {
            const bool is_control = c >= 0 && c < ' ' && c != '\t' && c != '\n' && c != '\r';
            return is_control || (c < 0 && !is_utf8);
        },
        '?');
    return text;
}

std::string error_in_json(std::string_view code, std::string_view message, std::string_view language) {
    std::string body = R"({"odata.error":{"code":)";
    codec::append_json(body, code);
    body.append(R"(,"message":{"lang":")").append(language).append(R"(","value":)");
    codec::append_json(body, message);
    body.append("}}}");
    return body;
}

// Access policies, service properties and statistics are made by another part of the service.
bool is_about_settings(const request& r) {
    const auto query = std::string_view(r.target).substr(std::min(r.target.find('?'), r.target.size()));
    return query.find("?comp=") != query.npos || query.find("&comp=") != query.npos;
}

// In Cosmos DB reads and inserts have errors of the level that they ask for.
metadata cosmos_error_level(const request& r, std::string_view code) {
    const bool asks = r.method == "GET" || (is_insert(r) && code != "PropertiesNeedValue");
    return asks && !is_about_settings(r) ? level_in(r.header("Accept")) : metadata::full;
}

// The front end authenticates, and has a form of its own for its errors.
bool is_of_front_end(unsigned status, std::string_view code) {
    return status == 401 || code == "AuthenticationFailed";
}

bool wants_xml(const request& r) {
    const bool json = r.header("Accept").find("json") != std::string_view::npos
                      || r.target.find("$format=application/json") != r.target.npos;
    return !json || is_about_settings(r);
}

} // namespace

service::service(const emulator_options& o)
    : mode_(o.mode()), account_(o.account()), scheme_(o.certificates().empty() ? "http://" : "https://"),
      clock_(o.clock()), storage_(o.directory()), deleted_tables_(o.table_deletion_time()),
      authenticator_(o.account(), o.key(), o.mode(), o.bearer()), last_timestamp_(storage_.last_timestamp()) {
    // The two modes store entities differently.
    const std::string mode = mode_ == service_mode::storage ? "storage" : "cosmos";
    const std::string kept = storage_.setting("mode");
    if (!kept.empty() && kept != mode)
        throw std::runtime_error("the directory \"" + o.directory() + "\" has the tables of an emulator in "
                                 + kept + " mode");
    if (kept.empty()) storage_.set_setting("mode", mode);
    if (mode_ == service_mode::storage) {
        repair_settings(storage_);
        cors_ = find_cors_rules(storage_);
    }
    if (storage_.setting(account_setting).empty()) storage_.set_setting(account_setting, account_);
}

reply service::answer(const request& r, const origin& from, std::optional<std::size_t> max_rows) {
    const std::string id = new_id();
    try {
        const std::string_view host = r.header("Host");
        check_host(host);
        if (mode_ == service_mode::storage) check_version(r);
        const target t = read_target(r.target, host, account_, mode_);
        if (r.method == "OPTIONS") return finish(preflight(r), r, id);
        const auto time = now();
        const grant allowed =
            authenticator_.authenticate(r, t, from, time, [&](std::string_view table, std::string_view name) {
                return find_policy(storage_, table, name);
            });
        context c{mode_,    storage_,
                  account_, time,
                  host,     scheme_ + std::string(host) + t.base_path + "/",
                  allowed,  [this] { return next_timestamp(); },
                  max_rows, &deleted_tables_};
        return finish(perform(c, r, t, id), r, id);
    } catch (const failure& f) {
        return finish(write_error(r, id, f.status(), f.code(), f.message()), r, id);
    } catch (const std::exception&) {
        return finish(write_error(r, id, 500, "InternalError", "Server encountered an internal error."), r,
                      id);
    }
}

// Browsers ask without a signature.
reply service::preflight(const request& r) const {
    if (mode_ == service_mode::cosmos)
        throw failure(501, "NotImplemented", "The requested operation is not supported.");
    return cors_.preflight(r);
}

reply service::perform(context& c, const request& r, const target& t, const std::string& request_id) {
    const std::string method = effective_method(r, mode_);
    const bool reads = method == "GET";
    if (t.secondary && !reads)
        throw failure(403, "InsufficientAccountPermissions", "The secondary takes no writes.");
    if (r.body.size() > limits(mode_).max_body)
        throw failure(413, "RequestBodyTooLarge",
                      "The request body is too large and exceeds the maximum permissible limit.");
    check_timeout(t);
    const std::string* const comp = t.parameter("comp");
    const bool known = !comp || (*comp == "acl" && t.what == target::kind::entities)
                       || ((*comp == "properties" || *comp == "stats") && t.what == target::kind::service);
    if (!known) throw invalid_query_parameter();
    switch (t.what) {
    case target::kind::service:
        if (comp && *comp == "properties" && reads) return get_properties(c);
        if (comp && *comp == "properties" && method == "PUT") {
            reply answer = set_properties(c, r);
            cors_ = find_cors_rules(storage_);
            return answer;
        }
        if (comp && *comp == "stats" && reads) return get_stats(c, t);
        break;
    case target::kind::tables:
        if (reads) return query_tables(c, r, t);
        if (method == "POST") return create_table(c, r, t);
        break;
    case target::kind::table:
        if (reads) return get_table(c, r, t);
        if (method == "DELETE") return delete_table(c, t);
        break;
    case target::kind::entities:
        if (comp && *comp == "acl" && reads) return get_policies(c, t);
        if (comp && *comp == "acl" && method == "PUT") return set_policies(c, r, t);
        if (reads) return query_entities(c, r, t);
        break;
    case target::kind::entity:
        if (reads) return get_entity(c, r, t);
        break;
    case target::kind::batch:
        if (method != "POST") break;
        return run_batch(
            c, r,
            [&](const request& operation, const failure& f) {
                return write_error(operation, request_id, f.status(), f.code(), f.message(), true);
            },
            new_id());
    }
    if (comp || !is_entity_write(method, t))
        throw failure(405, "UnsupportedHttpVerb", "The resource doesn't support the specified HTTP verb.");
    return write_entity(c, r, method, t);
}

reply service::refuse(const request& r, unsigned status, const std::string& code,
                      const std::string& message) {
    const std::string id = new_id();
    return finish(write_error(r, id, status, code, message), r, id);
}

reply service::refuse_in_batch(const request& r, unsigned status, const std::string& code,
                               const std::string& message) {
    const std::string id = new_id();
    return finish(batch_refusal(write_error(r, id, status, code, message, true), mode_, new_id()), r, id);
}

reply service::write_error(const request& r, const std::string& request_id, unsigned status,
                           std::string_view code, std::string_view message, bool in_batch) const {
    if (mode_ == service_mode::storage) return write_storage_error(r, request_id, status, code, message);
    return write_cosmos_error(in_batch ? metadata::full : cosmos_error_level(r, code), request_id, status,
                              code, message);
}

reply service::write_storage_error(const request& r, const std::string& request_id, unsigned status,
                                   std::string_view code, std::string_view message) const {
    std::string text = repeatable(message);
    text.append("\nRequestId:")
        .append(request_id)
        .append("\nTime:")
        .append(format_date_time(now_in_ticks(), fraction::seven));
    const bool of_front_end = is_of_front_end(status, code);
    reply answer;
    if (wants_xml(r)) {
        answer.headers.emplace_back("Content-Type", "application/xml");
        answer.body = "<?xml version=\"1.0\" encoding=\"utf-8\"?><m:error "
                      "xmlns:m=\"http://schemas.microsoft.com/ado/2007/08/dataservices/metadata\"><m:code>"
                      + std::string(code) + "</m:code><m:message xml:lang=\"en-US\">"
                      + boost::property_tree::xml_parser::encode_char_entities(text)
                      + "</m:message></m:error>";
    } else if (of_front_end) {
        answer.headers.emplace_back("Content-Type", "application/json");
        answer.body = error_in_json(code, text, "en-US");
    } else {
        answer = json_reply(status, error_in_json(code, text, "en-US"), level_in(r.header("Accept")), mode_);
    }
    answer.status = status;
    if (is_insert(r) && (status == 400 || status == 409)) prefers_no_content(r, answer.headers);
    if (of_front_end || (is_about_settings(r) && version_of(r) >= first_version_with_code))
        answer.headers.emplace_back("x-ms-error-code", code);
    if (status == 401) answer.headers.emplace_back("WWW-Authenticate", challenge);
    return answer;
}

// Always JSON.
reply service::write_cosmos_error(metadata level, const std::string& request_id, unsigned status,
                                  std::string_view code, std::string_view message) const {
    std::string text = repeatable(message);
    if (is_of_gateway(status)) text.append("\r\nActivityId: ").append(request_id).append(", ").append(build);
    text.append("\nRequestID:").append(request_id).append("\n");
    if (status != 403) return json_reply(status, error_in_json(code, text, "en-us"), level, mode_);
    reply answer;
    answer.status = status;
    answer.headers.emplace_back("Content-Type", "application/json");
    answer.body = error_in_json("Forbidden", text, "en-us");
    return answer;
}

reply service::finish(reply answer, const request& r, const std::string& request_id) const {
    const auto add = [&](const char* name, std::string_view text) {
        answer.headers.emplace_back(name, text);
    };
    add("Server", "azkv-emulator");
    add("x-ms-request-id", request_id);
    if (mode_ == service_mode::storage) {
        const std::string* const code = find_header(answer.headers, "x-ms-error-code");
        const bool of_front_end = code && is_of_front_end(answer.status, *code);
        const bool is_plain = is_about_settings(r) || r.method == "OPTIONS" || of_front_end;
        if (!is_plain) add("Cache-Control", "no-cache");
        if (!of_front_end) add("x-ms-version", version_of(r));
        if (const auto id = r.header("x-ms-client-request-id"); !id.empty())
            add("x-ms-client-request-id", id);
        if (!is_plain) add("X-Content-Type-Options", "nosniff");
    }
    add("Date", protocol::http_date(now()));
    if (!cors_.empty() && r.method != "OPTIONS") cors_.add_headers(r, answer);
    return answer;
}

std::string service::new_id() {
    return to_string(ids_());
}

std::chrono::system_clock::time_point service::now() const {
    return clock_ ? clock_() : std::chrono::system_clock::now();
}

ticks service::now_in_ticks() const {
    const auto since_1970 = std::chrono::duration_cast<std::chrono::microseconds>(now().time_since_epoch());
    return emulation::now_in_ticks(since_1970.count());
}

ticks service::next_timestamp() {
    last_timestamp_ = std::max(now_in_ticks(), last_timestamp_ + 1);
    return last_timestamp_;
}

} // namespace azkv::emulation
