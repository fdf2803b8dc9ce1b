#include "codec/utf.hpp"
#include "emulator/batch_format.hpp"
#include "emulator/batches.hpp"
#include "emulator/entity_json.hpp"
#include "emulator/failure.hpp"
#include "emulator/partition_throttle.hpp"
#include "emulator/request_log.hpp"
#include "emulator/service.hpp"
#include "fuzz.hpp"
#include "identity/tokens/shared_key.hpp"
#include "protocol/batch.hpp"
#include "protocol/http_date.hpp"
#include "support/test_account.hpp"

#include <boost/algorithm/string/case_conv.hpp>
#include <boost/algorithm/string/replace.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/property_tree/ptree.hpp>
#include <boost/property_tree/xml_parser.hpp>
#include <boost/url/encode.hpp>
#include <boost/url/rfc/unreserved_chars.hpp>

#include <algorithm>
#include <chrono>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <vector>

using namespace azkv;
using namespace azkv::emulation;

namespace json = boost::json;

namespace {

constexpr const char* account = "a";
constexpr const char* table = "Tab";

/// The caller that a request claims to come from.
enum class sender { key, key_lite, nobody, table_sas, account_sas };

std::chrono::system_clock::time_point noon() {
    return std::chrono::sys_days(std::chrono::year(2026) / 1 / 2) + std::chrono::hours(12);
}

emulator_options options(service_mode mode) {
    return emulator_options().mode(mode).account(account, test::test_key).clock(noon);
}

std::string encode(std::string_view text) {
    return boost::urls::encode(text, boost::urls::unreserved_chars);
}

std::optional<target> read(const request& r, service_mode mode) {
    try {
        return read_target(r.target, r.header("Host"), account, mode);
    } catch (const failure&) {
        return std::nullopt;
    }
}

void set_default(request& r, const char* name, std::string text) {
    if (!find_header(r.headers, name)) r.headers.emplace_back(name, std::move(text));
}

void set(request& r, const char* name, std::string text) {
    std::erase_if(r.headers, [&](const auto& h) { return same_name(h.first, name); });
    r.headers.emplace_back(name, std::move(text));
}

json::value parse_json(const std::string& text) {
    boost::system::error_code ec;
    json::value v = json::parse(text, ec);
    fuzz::require(!ec, "a response declared as JSON is JSON");
    return v;
}

/// A service, its contents, and requests to it.
class subject {
public:
    explicit subject(service_mode mode)
        : mode_(mode), service_(std::make_unique<service>(options(mode))), mac_(options(mode).key()) {
        must(ask("POST", "Tables", R"({"TableName":"Tab"})"));
        const char* const empty_keys = // which Cosmos DB does not take
            mode == service_mode::storage
                ? R"({"PartitionKey":"","RowKey":"","A":1.5,"B@odata.type":"Edm.Binary","B":"AAEC"})"
                : R"({"PartitionKey":"a","RowKey":"a","A":1.5,"B@odata.type":"Edm.Binary","B":"AAEC"})";
        for (const char* entity :
             {empty_keys, R"({"PartitionKey":"p","RowKey":"s","A":1,"B":"x"})",
              R"({"PartitionKey":"p","RowKey":"r","A@odata.type":"Edm.Int64","A":"5","B":true})",
              R"({"PartitionKey":"it's","RowKey":"\uff00","A@odata.type":"Edm.Double","A":"NaN"})",
              R"({"PartitionKey":"it's","RowKey":"\ud83d\ude00",)"
              R"("B@odata.type":"Edm.DateTime","B":"2020-01-02T03:04:05Z"})"})
            must(ask("POST", table, entity));
        if (mode == service_mode::storage)
            must(
                ask("PUT", "Tab?comp=acl",
                    "<SignedIdentifiers><SignedIdentifier><Id>i</Id><AccessPolicy><Expiry>2027-01-01</Expiry>"
                    "<Permission>raud</Permission></AccessPolicy></SignedIdentifier></SignedIdentifiers>"));
        content = dump();
    }

    static constexpr std::size_t rows = 5;

    service_mode mode() const { return mode_; }

    /// Signs a request and sends it to the service.
    reply ask(request r, sender from, std::optional<std::size_t> max_rows = std::nullopt) {
        set_default(r, "Host", "localhost");
        set_default(r, "Accept", "application/json;odata=minimalmetadata");
        set_default(r, "Content-Type", "application/json");
        set_default(r, "x-ms-date", protocol::http_date(noon()));
        if (from == sender::key || from == sender::key_lite) sign(r, from);
        if (from == sender::table_sas || from == sender::account_sas) sign_target(r, from);
        origin o;
        o.address = "127.0.0.1";
        return service_->answer(r, o, max_rows);
    }

    reply ask(const char* method, const std::string& resource, std::string body = {}) {
        request r;
        r.method = method;
        r.target = (mode_ == service_mode::storage ? "/a/" : "/") + resource;
        r.body = std::move(body);
        return ask(std::move(r), sender::key);
    }

    /// Returns all that the service holds, with or without the times of writing.
    std::string dump(bool times = true) {
        std::string text;
        const reply tables = ask("GET", "Tables");
        fuzz::require(tables.status == 200, "tables can be listed");
        const json::value v = parse_json(tables.body);
        for (const json::value& t : v.at("value").as_array()) {
            const std::string name(t.at("TableName").as_string());
            const reply page = ask("GET", encode(name) + "()");
            fuzz::require(page.status == 200, "a table that is listed can be read");
            text.append(name).append("\n");
            if (times) {
                text.append(page.body);
                continue;
            }
            json::value entities = parse_json(page.body);
            for (json::value& e : entities.at("value").as_array()) {
                e.as_object().erase("odata.etag");
                e.as_object().erase("Timestamp");
            }
            text.append(json::serialize(entities));
        }
        return text;
    }

    std::string content; // before the request

private:
    static void must(const reply& r) { fuzz::require(r.status < 300, "the service can be set up"); }

    void sign(request& r, sender from) {
        const auto scheme =
            from == sender::key ? identity::shared_key_scheme::full : identity::shared_key_scheme::lite;
        const std::string_view date = r.header("x-ms-date");
        identity::shared_key_input input;
        input.request.method = r.method;
        input.request.content_type = r.header("Content-Type");
        input.request.target = r.target;
        input.content_md5 = r.header("Content-MD5");
        input.date = date.empty() ? r.header("Date") : date;
        input.account = account;
        const std::string text = identity::string_to_sign(scheme, input);
        set_default(r, "Authorization",
                    (from == sender::key ? "SharedKey a:" : "SharedKeyLite a:") + mac_.sign(text));
    }

    // Adds the signature to the grant in the target.
    void sign_target(request& r, sender from) {
        const auto t = read(r, mode_);
        if (!t) return;
        const auto field = [&](const char* name) {
            const std::string* const text = t->parameter(name);
            return text ? *text : std::string();
        };
        std::vector<std::string> lines;
        if (from == sender::table_sas) {
            const std::string resource =
                "/table/" + std::string(account) + "/" + boost::algorithm::to_lower_copy(field("tn"));
            lines = {field("sp"),  field("st"), field("se"),  resource,     field("si"),  field("sip"),
                     field("spr"), field("sv"), field("spk"), field("srk"), field("epk"), field("erk")};
        } else {
            lines = {account,     field("sp"),  field("ss"),  field("srt"), field("st"),
                     field("se"), field("sip"), field("spr"), field("sv")};
            if (field("sv") >= "2020-12-06") lines.push_back(field("ses"));
            lines.emplace_back();
        }
        std::string text = lines.front();
        for (std::size_t i = 1; i < lines.size(); ++i) text.append("\n").append(lines[i]);
        r.target.append("&sig=").append(encode(mac_.sign(text)));
    }

    service_mode mode_;
    std::unique_ptr<service> service_;
    identity::hmac_sha256 mac_;
};

bool is_text(std::string_view text) {
    return std::ranges::none_of(text, [](char c) { return (c >= 0 && c < 0x20) || c == 0x7F; });
}

bool is_json(const reply& answer) {
    const std::string* const type = find_header(answer.headers, "Content-Type");
    return type && type->starts_with("application/json");
}

void check_error(const reply& answer) {
    if (is_json(answer)) {
        const json::value v = parse_json(answer.body);
        const json::object& o = v.at("odata.error").as_object();
        fuzz::require(!o.at("code").as_string().empty() && !o.at("message").at("value").as_string().empty(),
                      "an error has its code and a message");
        return;
    }
    boost::property_tree::ptree tree;
    std::istringstream in(answer.body);
    boost::property_tree::read_xml(in, tree);
    fuzz::require(!tree.get<std::string>("m:error.m:code").empty()
                      && !tree.get<std::string>("m:error.m:message").empty(),
                  "an error has its code and a message");
}

void check_form(const reply& answer) {
    static const std::set<unsigned> statuses{200, 201, 202, 204, 400, 401, 403,
                                             404, 405, 409, 412, 413, 415, 501};
    fuzz::require(statuses.contains(answer.status), "the status is one of the service's");
    for (const auto& [name, text] : answer.headers)
        fuzz::require(is_text(text) && text.size() < 32'768, "headers are lines, and not too long");
    if (answer.status >= 400) return check_error(answer);
    if (answer.status == 204) fuzz::require(answer.body.empty(), "204 has no body");
    if (is_json(answer)) parse_json(answer.body);
}

// Whether the service executed it.
bool check_batch(const request& r, const reply& answer) {
    const batch_request batch = parse_batch(r.header("Content-Type"), r.body);
    if (batch.is_query) return true;
    protocol::response whole;
    whole.status = answer.status;
    whole.body = answer.body;
    // The client only upserts, and trusts no other success.
    boost::algorithm::replace_all(whole.body, "\nHTTP/1.1 201 ", "\nHTTP/1.1 204 ");
    whole.request_id = "outer";
    const auto part = protocol::unwrap_batch(std::move(whole), batch.operations.size());
    fuzz::require(part.status == 202 || (part.status >= 400 && part.status < 500),
                  "a batch is done, or the request's fault");
    return part.status == 202;
}

// What was written can be read, and sent back.
reply check_written(subject& s, const request& r, std::string_view url) {
    request get;
    get.method = "GET";
    get.target = url.substr(0, url.find('?'));
    if (const std::string* const host = find_header(r.headers, "Host")) set(get, "Host", *host);
    reply got = s.ask(std::move(get), sender::key);
    fuzz::require(got.status == 200, "the written entity is found");
    try {
        read_entity(got.body, s.mode()); // the response about a table is one as well
    } catch (const failure&) {
        fuzz::require(false, "a response may be sent back");
    }
    return got;
}

// The response's Location leads to what was created.
void check_location(subject& s, const request& r, const reply& answer) {
    const std::string* const url = find_header(answer.headers, "Location");
    if (!url) return;
    const reply got = check_written(s, r, std::string_view(*url).substr(url->find('/', url->find("//") + 2)));
    const std::string* const etag = find_header(got.headers, "ETag");
    fuzz::require(!etag || *etag == *find_header(answer.headers, "ETag"), "its etag is that of the response");
}

void check_write(subject& s, const request& r, const std::optional<target>& t, sender from,
                 const reply& answer) {
    bool done = answer.status < 300;
    if (done && t && t->what == target::kind::batch) done = check_batch(r, answer);
    if (!done) {
        fuzz::require(s.dump() == s.content, "a failure changes nothing");
        return;
    }
    check_location(s, r, answer);
    if (!t || t->what != target::kind::entity || effective_method(r, s.mode()) == "DELETE") return;
    const std::string once = s.dump(false);
    request again = r;
    set(again, "If-Match", "*");
    fuzz::require(s.ask(std::move(again), from).status == 204 && s.dump(false) == once,
                  "an update twice is one");
    check_written(s, r, r.target);
}

/// A query without the parameters that decide on pages and columns.
class query {
public:
    query(request r, const target& t, sender from) : request_(std::move(r)), from_(from) {
        request_.target.resize(std::min(request_.target.find('?'), request_.target.size()));
        set(request_, "Accept", "application/json;odata=fullmetadata");
        for (const auto& [name, text] : t.parameters)
            if (name != "NextPartitionKey" && name != "NextRowKey" && name != "$select" && name != "$format"
                && name != "sig")
                parameters_.emplace_back(name, text);
    }

    /// Returns null if there is none.
    std::string* filter() {
        const auto found = std::ranges::find(parameters_, "$filter", [](const auto& p) { return p.first; });
        return found == parameters_.end() ? nullptr : &found->second;
    }

    /// Returns all rows, page by page; nullopt if the service rejects it.
    std::optional<std::vector<std::string>> rows(subject& s, std::optional<std::size_t> max_rows) const {
        std::vector<std::string> found;
        std::string next;
        for (std::size_t pages = 0; pages <= subject::rows; ++pages) {
            request r = request_;
            char before = '?';
            for (const auto& [name, text] : parameters_) {
                r.target.push_back(std::exchange(before, '&'));
                r.target.append(encode(name)).append("=").append(encode(text));
            }
            if (!next.empty()) r.target.append(1, before).append(next);
            const reply page = s.ask(std::move(r), from_, max_rows);
            fuzz::require(pages == 0 || page.status == 200, "a continuation can be followed");
            if (page.status != 200) return std::nullopt;
            const json::value v = parse_json(page.body);
            for (const json::value& row : v.at("value").as_array()) found.push_back(json::serialize(row));

            const std::string* const partition =
                find_header(page.headers, "x-ms-continuation-NextPartitionKey");
            if (!partition) return found;
            next = "NextPartitionKey=" + encode(*partition)
                   + "&NextRowKey=" + encode(*find_header(page.headers, "x-ms-continuation-NextRowKey"));
        }
        fuzz::require(false, "a query ends");
        return std::nullopt;
    }

private:
    request request_;
    sender from_;
    std::vector<std::pair<std::string, std::string>> parameters_;
};

void check_pages(subject& s, const request& r, const target& t, sender from) {
    const std::string* const top = t.parameter("$top");
    if (top && top->find_first_not_of('0') == top->npos) return; // asks for no rows
    query q(r, t, from);
    const auto all = q.rows(s, std::nullopt);
    fuzz::require(all.has_value(), "a page belongs to a query");
    const auto one_by_one = q.rows(s, 1);
    fuzz::require(one_by_one == all, "the rows do not depend on the pages");
    fuzz::require(std::set(all->begin(), all->end()).size() == all->size(), "no row is repeated");
    std::string* const filter = q.filter();
    const bool is_filtered = filter && filter->find_first_not_of(" \t\r\n") != filter->npos;
    const bool is_limited = from == sender::table_sas || from == sender::account_sas;
    fuzz::require(is_filtered || is_limited || all->size() == subject::rows, "no row is lost");
    if (!is_filtered) return;
    *filter = "not (not (" + *filter + "))"; // whose key range is unbounded
    if (const auto same = q.rows(s, std::nullopt))
        fuzz::require(same == all, "the key range of a filter loses no match");
}

// The log, and the limits of partitions, which both see requests that the service may reject.
void check_charge(const request& r, service_mode mode, const std::optional<target>& t, const reply& answer) {
    const auto is_printable = [](char c) { return c > ' ' && c < 0x7F; };
    fuzz::require(std::ranges::all_of(safe_target(r.target), is_printable), "the log has one line");
    const auto charge = read_charge(r, account, mode);
    fuzz::require(!charge || charge->entities > 0, "a charge is for something");
    const bool is_entity = t && (t->what == target::kind::entity || t->what == target::kind::entities);
    if (is_entity && !t->parameter("comp") && r.method != "GET" && r.method != "OPTIONS"
        && answer.status < 300)
        fuzz::require(charge.has_value(), "each write is charged");
    fuzz::require(answer.rows <= limits::page_rows, "a page is counted");
}

std::optional<sender> sender_of(char c) {
    switch (c) {
    case 'k': return sender::key;
    case 'l': return sender::key_lite;
    case 'n': return sender::nobody;
    case 't': return sender::table_sas;
    case 'a': return sender::account_sas;
    default: return std::nullopt;
    }
}

std::unique_ptr<subject>& subject_of(service_mode mode) {
    static std::unique_ptr<subject> storage, cosmos;
    auto& s = mode == service_mode::storage ? storage : cosmos;
    if (!s) s = std::make_unique<subject>(mode);
    return s;
}

} // namespace

// `sk GET /a/Tab()`: the mode (`s` or `c`), the sender, the method, the target; then headers, up to an empty
// line, and the body. Headers that every request needs may be missing.
bool fuzz::check(std::string_view input) {
    std::string_view line = take_line(input);
    if (line.size() < 4 || (line[0] != 's' && line[0] != 'c') || line[2] != ' ') return false;
    const auto mode = line[0] == 's' ? service_mode::storage : service_mode::cosmos;
    const auto from = sender_of(line[1]);
    line.remove_prefix(3);
    const auto blank = line.find(' ');
    if (!from || blank == line.npos) return false;
    request r;
    r.method = line.substr(0, blank);
    r.target = line.substr(blank + 1);
    while (!input.empty()) {
        line = take_line(input);
        if (line.empty()) break;
        const auto colon = line.find(": ");
        // The server, which parses HTTP, would reject it.
        if (colon == line.npos || colon == 0 || !is_text(line)) return false;
        r.headers.emplace_back(line.substr(0, colon), line.substr(colon + 2));
    }
    r.body = input;

    auto& s = subject_of(mode);
    const reply answer = s->ask(r, *from);
    check_form(answer);
    const auto t = read(r, mode);
    check_charge(r, mode, t, answer);
    if (r.method != "GET") {
        check_write(*s, r, t, *from, answer);
        if (answer.status < 300) s.reset();
    } else if (answer.status == 200 && t && t->what == target::kind::entities && !t->parameter("comp")) {
        check_pages(*s, r, *t, *from);
    }
    return true;
}
