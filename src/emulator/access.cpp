#include "emulator/access.hpp"

#include "emulator/failure.hpp"
#include "protocol/http_date.hpp"
#include "support/ascii.hpp"

#include <boost/asio/ip/address.hpp>
#include <openssl/crypto.h>

#include <algorithm>
#include <utility>

namespace azkv::emulation {

namespace {

constexpr std::chrono::minutes max_skew(15);
constexpr std::string_view oldest_sas_version = "2015-04-05";

failure authentication_failed(std::string_view detail = {}) {
    std::string text =
        "Server failed to authenticate the request. Make sure the value of Authorization header is "
        "formed correctly including the signature.";
    if (!detail.empty()) text.append(" ").append(detail);
    return failure(403, "AuthenticationFailed", std::move(text));
}

// Cosmos DB says what should have been signed.
failure payload_not_signed(const std::string& payload) {
    return failure(403, "Forbidden",
                   "The input authorization token can't serve the request. Please check that the expected "
                   "payload is built as per the protocol, and check the key being used. Server used the "
                   "following payload to sign: '"
                       + payload + "'");
}

failure mismatch(const char* code, const char* end = ".") {
    return failure(403, code, std::string("This request is not authorized to perform this operation") + end);
}

bool same_signature(std::string_view a, std::string_view b) {
    return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

bool has(std::string_view permissions, char permission) {
    return permissions.find(permission) != permissions.npos;
}

// `10.0.0.1` or `10.0.0.1-10.0.0.9`
bool is_from(std::string_view range, const std::string& address) {
    const auto dash = std::min(range.find('-'), range.size());
    const std::string first(range.substr(0, dash));
    const std::string last(dash == range.size() ? range : range.substr(dash + 1));
    boost::system::error_code ec[3];
    const auto from = boost::asio::ip::make_address_v4(first, ec[0]);
    const auto to = boost::asio::ip::make_address_v4(last, ec[1]);
    const auto at = boost::asio::ip::make_address_v4(address, ec[2]);
    return !ec[0] && !ec[1] && !ec[2] && from <= at && at <= to;
}

} // namespace

void grant::require(access what, std::string_view table) const {
    if (kind_ == kind::everything) return;
    const auto may = [this](char permission) { return has(permissions_, permission); };
    const bool about_entities = what == access::read || what == access::insert || what == access::update
                                || what == access::upsert || what == access::erase;
    if (kind_ == kind::table) {
        if (!about_entities || ascii::to_lower(table) != table_) throw mismatch("AuthorizationFailure");
    } else {
        const bool about_service = what == access::read_service || what == access::write_service;
        if (what == access::access_policies) throw mismatch("AuthorizationFailure");
        if (!has(resource_types_, about_entities ? 'o' : about_service ? 's' : 'c'))
            throw mismatch("AuthorizationResourceTypeMismatch");
    }
    bool granted = false;
    switch (what) {
    case access::list_tables: granted = may('l'); break;
    case access::create_table: granted = may('c') || may('w'); break;
    case access::delete_table: granted = may('d'); break;
    case access::read: granted = may('r'); break;
    case access::insert: granted = may('a'); break;
    case access::update: granted = may('u'); break;
    case access::upsert: granted = may('a') && may('u'); break;
    case access::erase: granted = may('d'); break;
    case access::read_service: granted = may('r'); break;
    case access::write_service: granted = may('w'); break;
    case access::access_policies: break;
    }
    if (!granted) throw mismatch("AuthorizationPermissionMismatch", " using this permission.");
}

bool grant::has_keys(std::string_view partition_key, std::string_view row_key) const {
    if (!first_ && !last_) return true;
    const std::pair at(sort_key(partition_key), sort_key(row_key));
    return (!first_ || *first_ <= at) && (!last_ || at <= *last_);
}

void grant::require_keys(std::string_view partition_key, std::string_view row_key) const {
    if (!has_keys(partition_key, row_key)) throw mismatch("AuthorizationFailure");
}

authenticator::authenticator(std::string account, std::string_view base64_key, service_mode mode,
                             bearer_check bearer)
    : account_(std::move(account)), mode_(mode), mac_(base64_key), bearer_(std::move(bearer)) {}

grant authenticator::authenticate(const request& r, const target& t, const origin& from,
                                  std::chrono::system_clock::time_point now, const policy_lookup& policies) {
    std::string_view authorization = r.header("Authorization");
    const auto take = [&](std::string_view scheme) {
        if (!authorization.starts_with(scheme)) return false;
        authorization.remove_prefix(scheme.size());
        return true;
    };
    if (take("SharedKey ")) {
        check_shared_key(r, identity::shared_key_scheme::full, authorization, now);
    } else if (take("SharedKeyLite ")) {
        check_shared_key(r, identity::shared_key_scheme::lite, authorization, now);
    } else if (take("Bearer ")) {
        check_bearer(authorization, from);
    } else if (!authorization.empty()) {
        throw authentication_failed("Its scheme is none that is known.");
    } else if (t.parameter("sig")) {
        const auto microseconds =
            std::chrono::duration_cast<std::chrono::microseconds>(now.time_since_epoch());
        return read_sas(t, from, now_in_ticks(microseconds.count()), policies);
    } else if (mode_ == service_mode::cosmos) {
        throw failure(401, "Unauthorized", "The Authorization header is missing.");
    } else if (r.header("x-ms-version") < "2020-12-06") {
        throw authentication_failed("There is none.");
    } else {
        throw failure(401, "NoAuthenticationInformation",
                      "Server failed to authenticate the request. Please refer to the information in the "
                      "www-authenticate header.");
    }
    return grant();
}

void authenticator::check_shared_key(const request& r, identity::shared_key_scheme scheme,
                                     std::string_view credential, std::chrono::system_clock::time_point now) {
    const auto colon = std::min(credential.find(':'), credential.size());
    if (colon == credential.size()) throw authentication_failed("It has no signature.");
    if (credential.substr(0, colon) != account_) throw authentication_failed("It is for another account.");
    std::string_view date = r.header("x-ms-date");
    if (date.empty()) date = r.header("Date");
    const auto sent = protocol::parse_http_date(std::string(date));
    if (!sent) throw authentication_failed("Request date header is missing or not understood.");
    if (*sent < now - max_skew) throw authentication_failed("Request date header too old.");
    if (*sent > now + max_skew) throw authentication_failed("Request date header is in the future.");
    identity::shared_key_input input;
    input.request.method = r.method;
    input.request.content_type = r.header("Content-Type");
    input.request.target = r.target;
    input.content_md5 = r.header("Content-MD5");
    input.date = date;
    input.account = account_;
    const std::string payload = identity::string_to_sign(scheme, input);
    if (!same_signature(mac_.sign(payload), credential.substr(colon + 1)))
        throw mode_ == service_mode::storage ? authentication_failed("The signature did not match.")
                                             : payload_not_signed(payload);
}

void authenticator::check_bearer(std::string_view token, const origin& from) const {
    if (!from.tls) throw authentication_failed("Authentication scheme Bearer is not allowed with HTTP.");
    if (!bearer_ || !bearer_(token))
        throw failure(401, "InvalidAuthenticationInfo",
                      "Server failed to authenticate the request. Please refer to the information in the "
                      "www-authenticate header.");
}

/// The fields of a shared access signature. An empty field is signed like an absent one and means the same.
class sas_fields {
public:
    explicit sas_fields(const target& t) : target_(t) {}

    bool has(std::string_view name) const { return target_.parameter(name) != nullptr; }

    std::string operator[](std::string_view name) const {
        const std::string* const text = target_.parameter(name);
        if (!text) return {};
        // Fields are signed as lines: a line end within one could stand for the next field.
        if (emulation::has(*text, '\n'))
            throw authentication_failed("A field of the signature has several lines.");
        return *text;
    }

private:
    const target& target_;
};

namespace {

void check_form(const sas_fields& fields) {
    const std::string version = fields["sv"];
    if (!parse_date_time(version) || version.size() != oldest_sas_version.size()
        || version < oldest_sas_version)
        throw authentication_failed("The version of the signature (sv) is none that is known.");
    const std::string protocols = fields["spr"];
    if (!protocols.empty() && protocols != "https" && protocols != "https,http")
        throw authentication_failed("The protocols of the signature (spr) are not understood.");
}

std::optional<std::pair<std::string, std::string>> bound(const sas_fields& fields, const char* partition_key,
                                                         const char* row_key) {
    const std::string partition = fields[partition_key];
    const std::string row = fields[row_key];
    if (partition.empty() && !row.empty())
        throw authentication_failed("A row's bound needs that of its partition.");
    if (partition.empty()) return std::nullopt;
    return std::pair(sort_key(partition), sort_key(row));
}

// Adds the fields of the stored access policy, each of which must be absent from the signature.
void complete(access_policy& policy, const std::optional<access_policy>& stored) {
    if (!stored) throw authentication_failed("The stored access policy does not exist.");
    const auto add = [](std::string& own, const std::string& other) {
        if (!own.empty() && !other.empty())
            throw authentication_failed("A field stands both in the token and in its access policy.");
        if (own.empty()) own = other;
    };
    add(policy.start, stored->start);
    add(policy.expiry, stored->expiry);
    add(policy.permissions, stored->permissions);
}

void check_times(const access_policy& policy, ticks now) {
    const auto start = parse_date_time(policy.start);
    const auto expiry = parse_date_time(policy.expiry);
    if (!expiry || (!policy.start.empty() && !start))
        throw authentication_failed("A time of the signature is not understood.");
    if (start && *start > now) throw authentication_failed("Signature not valid yet.");
    if (now > *expiry) throw authentication_failed("Signature has expired.");
}

void check_origin(const sas_fields& fields, const origin& from) {
    if (fields["spr"] == "https" && !from.tls) throw mismatch("AuthorizationProtocolMismatch");
    const std::string range = fields["sip"];
    if (!range.empty() && !is_from(range, from.address)) throw mismatch("AuthorizationSourceIPMismatch");
}

} // namespace

// The scope of a signature: a table, perhaps with a range of keys, or the account.
grant authenticator::read_scope(const sas_fields& fields) {
    grant g;
    if (!fields.has("tn")) {
        g.kind_ = grant::kind::account;
        g.resource_types_ = fields["srt"];
        return g;
    }
    g.kind_ = grant::kind::table;
    g.table_ = ascii::to_lower(fields["tn"]);
    g.first_ = bound(fields, "spk", "srk");
    g.last_ = bound(fields, "epk", "erk");
    // A partition without a row means the whole partition.
    if (g.last_ && g.last_->second.empty()) g.last_->first.push_back('\0');
    return g;
}

// Cosmos DB takes signatures for whole tables. Whether it takes any for the account is not known.
void authenticator::check_cosmos_scope(const grant& g) {
    if (g.kind_ != grant::kind::table)
        throw authentication_failed("Shared access signatures for the account are not supported.");
    if (g.first_ || g.last_)
        throw failure(501, "NotImplemented",
                      "Shared access signature with PartitionKey or RowKey are not supported");
}

std::string authenticator::string_to_sign(const grant& g, const sas_fields& fields) const {
    std::string text;
    const auto append_lines = [&](std::initializer_list<std::string_view> lines) {
        for (const std::string_view line : lines) text.append(line).append("\n");
    };
    const std::string version = fields["sv"];
    if (g.kind_ == grant::kind::table) {
        append_lines({fields["sp"], fields["st"], fields["se"], "/table/" + account_ + "/" + g.table_,
                      fields["si"], fields["sip"], fields["spr"], version, fields["spk"], fields["srk"],
                      fields["epk"], fields["erk"]});
        text.pop_back();
    } else {
        append_lines({account_, fields["sp"], fields["ss"], g.resource_types_, fields["st"], fields["se"],
                      fields["sip"], fields["spr"], version});
        if (version >= "2020-12-06") append_lines({fields["ses"]}); // the encryption scope
    }
    return text;
}

grant authenticator::read_sas(const target& t, const origin& from, ticks now, const policy_lookup& policies) {
    const sas_fields fields(t);
    check_form(fields);
    grant g = read_scope(fields);
    if (!same_signature(mac_.sign(string_to_sign(g, fields)), fields["sig"]))
        throw authentication_failed("Signature did not match.");
    if (mode_ == service_mode::cosmos) check_cosmos_scope(g);
    access_policy policy;
    policy.start = fields["st"];
    policy.expiry = fields["se"];
    policy.permissions = fields["sp"];
    if (const std::string id = fields["si"]; !id.empty() && g.kind_ == grant::kind::table)
        complete(policy, policies(g.table_, id));
    check_times(policy, now);
    if (g.kind_ == grant::kind::account && !has(fields["ss"], 't'))
        throw mismatch("AuthorizationServiceMismatch");
    check_origin(fields, from);
    g.permissions_ = policy.permissions;
    return g;
}

} // namespace azkv::emulation
