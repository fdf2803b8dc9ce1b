#include "emulator/target.hpp"

#include "emulator/failure.hpp"
#include "protocol/endpoint.hpp"
#include "support/ascii.hpp"

#include <boost/algorithm/string/replace.hpp>
#include <boost/url/encode.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/rfc/unreserved_chars.hpp>
#include <boost/url/url_view.hpp>

#include <algorithm>

namespace azkv::emulation {

namespace urls = boost::urls;

namespace {

constexpr std::string_view secondary_suffix = "-secondary";

failure invalid_uri() {
    return failure(400, "InvalidUri", "The requested URI does not represent any resource on the server.");
}

// Neither a host nor a path begins with the account: a client that is misdirected. Not 404, which would tell
// it that its tables are gone.
failure unknown_account(std::string_view label, std::string_view segment) {
    std::string named;
    for (const std::string_view name : {label, segment})
        if (protocol::is_host_label(name) && name != "Tables")
            named.append(named.empty() ? "\"" : "\" or \"").append(name);
    return failure(400, "AccountNotFound",
                   named.empty() ? "The path does not begin with one of this emulator's accounts."
                                 : "The account " + named + "\" is none of this emulator's accounts.");
}

// In cosmos mode any host will do, but `NAME.localhost` is meant for an account.
bool is_local_name(std::string_view host) {
    return ascii::to_lower(host.substr(0, host.find(':'))).ends_with(".localhost");
}

// Removes `prefix` from the front of `text`, if it is there.
bool take(std::string_view& text, std::string_view prefix) {
    if (!text.starts_with(prefix)) return false;
    text.remove_prefix(prefix.size());
    return true;
}

// Removes a text in single quotes, in which quotes are doubled, and returns it.
std::string take_quoted(std::string_view& text) {
    if (!take(text, "'")) throw invalid_uri();
    std::string out;
    for (;;) {
        const auto quote = text.find('\'');
        if (quote == text.npos) throw invalid_uri();
        out.append(text.substr(0, quote));
        text.remove_prefix(quote + 1);
        if (!take(text, "'")) return out;
        out.push_back('\'');
    }
}

// Quotes are doubled, but not percent-encoded.
std::string quoted(std::string_view text, service_mode mode) {
    constexpr auto plain_in_storage = urls::unreserved_chars + '\'';
    constexpr auto plain_in_cosmos = plain_in_storage + '@';
    const std::string doubled = boost::algorithm::replace_all_copy(std::string(text), "'", "''");
    return "'"
           + (mode == service_mode::storage ? urls::encode(doubled, plain_in_storage)
                                            : urls::encode(doubled, plain_in_cosmos))
           + "'";
}

void read_keys(std::string_view text, target& t) {
    std::optional<std::string> partition_key;
    std::optional<std::string> row_key;
    do {
        while (take(text, " ")) {
        }
        const bool partition = take(text, "PartitionKey=");
        if (!partition && !take(text, "RowKey=")) throw invalid_uri();
        std::optional<std::string>& key = partition ? partition_key : row_key;
        if (key) throw invalid_uri();
        key = take_quoted(text);
    } while (take(text, ","));
    if (!partition_key || !row_key || !text.empty()) throw invalid_uri();
    t.partition_key = std::move(*partition_key);
    t.row_key = std::move(*row_key);
}

// Parses the decoded text after the base path.
void read_resource(std::string_view text, target& t) {
    const auto parenthesis = std::min(text.find('('), text.size());
    const std::string_view name = text.substr(0, parenthesis);
    std::string_view inside = text.substr(parenthesis);
    if (!inside.empty()) {
        if (!inside.ends_with(')')) throw invalid_uri();
        inside = inside.substr(1, inside.size() - 2);
    }
    if (name.empty() && parenthesis == text.size()) {
        t.what = target::kind::service;
    } else if (name == "$batch" && parenthesis == text.size()) {
        t.what = target::kind::batch;
    } else if (name == "Tables" && inside.empty()) {
        t.what = target::kind::tables;
    } else if (name == "Tables") {
        t.what = target::kind::table;
        t.table = take_quoted(inside);
        if (!inside.empty()) throw invalid_uri();
    } else if (!name.empty() && inside.empty()) {
        t.what = target::kind::entities;
        t.table = name;
    } else if (!name.empty()) {
        t.what = target::kind::entity;
        t.table = name;
        read_keys(inside, t);
    } else {
        throw invalid_uri();
    }
}

} // namespace

const std::string* target::parameter(std::string_view name) const {
    const auto found = std::ranges::find(parameters, name, &std::pair<std::string, std::string>::first);
    return found == parameters.end() ? nullptr : &found->second;
}

std::string account_label(std::string_view host) {
    const auto dot = host.find('.');
    const bool is_address = host.starts_with('[') || host.find_first_not_of("0123456789.:") == host.npos;
    return dot == host.npos || is_address ? std::string() : ascii::to_lower(host.substr(0, dot));
}

std::string_view account_segment(std::string_view text) {
    take(text, "/");
    return text.substr(0, text.find_first_of("/?"));
}

bool is_endpoint_of(std::string_view account, std::string_view name) {
    return take(name, account) && (name.empty() || name == secondary_suffix);
}

target read_target(std::string_view text, std::string_view host, std::string_view account,
                   service_mode mode) {
    const auto parsed = urls::parse_uri_reference(text);
    if (!parsed || parsed->has_fragment()) throw invalid_uri();
    const urls::url_view url = *parsed;
    target t;
    std::string_view path = url.encoded_path();
    if (!take(path, "/") && !path.empty()) throw invalid_uri();
    const std::string label = account_label(host);
    if (mode == service_mode::cosmos) {
        if (is_local_name(host) && label != account) throw unknown_account(label, {});
    } else if (is_endpoint_of(account, label)) {
        t.secondary = label != account;
    } else {
        const std::string_view segment = account_segment(url.encoded_path());
        if (!is_endpoint_of(account, segment)) throw unknown_account(label, segment);
        t.secondary = segment != account;
        t.base_path = "/" + std::string(segment);
        path.remove_prefix(segment.size());
        take(path, "/");
    }
    if (path.find('/') != path.npos) throw invalid_uri();
    read_resource(urls::pct_string_view(path).decode(), t);
    for (const auto& p : url.params()) {
        if (t.parameter(p.key))
            throw failure(400, "InvalidQueryParameterValue",
                          "A query parameter is specified more than once.");
        if (p.has_value) t.parameters.emplace_back(p.key, p.value);
    }
    // `comp` is signed as written, so another encoding of it would not be protected by the signature.
    const auto is_plain_comp = [](const auto& p) { return std::string_view(p.key) == "comp"; };
    const auto written = url.encoded_params();
    if (t.parameter("comp") && std::none_of(written.begin(), written.end(), is_plain_comp))
        throw invalid_uri();
    return t;
}

bool is_batch(std::string_view target) {
    return target.substr(0, target.find('?')).ends_with("/$batch");
}

target read_operation_target(std::string_view text, std::string_view host, std::string_view account,
                             service_mode mode) {
    if (text.starts_with('/')) return read_target(text, host, account, mode);
    std::string_view url = text;
    if (!take(url, "http://") && !take(url, "https://")) throw invalid_input();
    return read_target(text, url.substr(0, url.find('/')), account, mode);
}

std::string table_segment(std::string_view table) {
    return "Tables(" + quoted(table, service_mode::storage) + ")";
}

std::string entity_segment(std::string_view table, std::string_view partition_key, std::string_view row_key,
                           service_mode mode) {
    return urls::encode(table, urls::unreserved_chars) + "(PartitionKey=" + quoted(partition_key, mode)
           + ",RowKey=" + quoted(row_key, mode) + ")";
}

} // namespace azkv::emulation
