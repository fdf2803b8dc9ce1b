#include "identity/sources/web_client.hpp"
#include "identity/tokens/shared_key.hpp"
#include "support/ascii.hpp"
#include "support/process.hpp"
#include "support/require.hpp"
#include "support/wipe.hpp"

#include <azkv/sas.hpp>

#include <boost/asio/ip/address_v4.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>

namespace azkv {

namespace {

// The text is signed as it is, so the order matters.
constexpr std::string_view permissions_in_order = "rwdlacu";
constexpr std::string_view resource_types_in_order = "sco";
constexpr std::string_view table_permissions_in_order = "raud";

// Returns the letters of `given` in the order of `all`, each once.
std::string in_order(std::string_view given, std::string_view all, const char* name) {
    require(!given.empty() && given.find_first_not_of(all) == given.npos,
            std::string(name) + " of a shared access signature must be one or more of the letters \""
                + std::string(all) + '"');
    std::string out;
    for (const char c : all)
        if (given.find(c) != given.npos) out.push_back(c);
    return out;
}

std::string format_time(std::chrono::system_clock::time_point at) {
    const auto day = std::chrono::floor<std::chrono::days>(at);
    const std::chrono::year_month_day date(day);
    const std::chrono::hh_mm_ss time(std::chrono::floor<std::chrono::seconds>(at - day));
    const int year = static_cast<int>(date.year());
    require(year >= 1 && year <= 9999,
            "invalid time of a shared access signature: the year must be from 1 to 9999");
    std::array<char, 64> text{};
    std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02dZ", year,
                  static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                  static_cast<int>(time.hours().count()), static_cast<int>(time.minutes().count()),
                  static_cast<int>(time.seconds().count()));
    return text.data();
}

void require_one_line(std::string_view text, const char* name) {
    require(std::ranges::none_of(text, [](unsigned char c) { return c < 0x20 || c == 0x7F; }),
            std::string(name) + " of a shared access signature contains a control character");
}

/// Builds the query of a signature together with the text to sign.
class token_builder {
public:
    /// Adds a signed line, and a query parameter unless it is empty.
    void add(std::string_view name, std::string_view text) {
        sign_only(text);
        query_only(name, text);
    }

    void sign_only(std::string_view text) { lines_.append(text).append("\n"); }

    void query_only(std::string_view name, std::string_view text) {
        if (text.empty()) return;
        identity::append_parameter(query_, name, text);
    }

    std::string& lines() { return lines_; }

    std::string release(std::string_view key) {
        const support::fork_pause pause; // OpenSSL is in use
        const wiped_string signature(identity::hmac_sha256(key).sign(lines_));
        query_only("sig", signature.text);
        return std::move(query_);
    }

private:
    std::string lines_;
    std::string query_;
};

// Empty allows both protocols.
std::string_view protocols(const sas_terms& t) {
    return t.plain_http() ? "" : "https";
}

} // namespace

sas_terms::sas_terms(std::string_view permissions, time_point expires)
    : permissions_(in_order(permissions, permissions_in_order, "the permissions")),
      expiry_(format_time(expires)) {}

sas_terms sas_terms::of_policy(std::string id) {
    require(!id.empty() && id.size() <= 64,
            "the identifier of a stored access policy must have 1 to 64 characters");
    require_one_line(id, "the policy");
    sas_terms t;
    t.policy_ = std::move(id);
    return t;
}

sas_terms& sas_terms::starts(time_point at) {
    start_ = format_time(at);
    return *this;
}

sas_terms& sas_terms::addresses(std::string first, std::string last) {
    boost::system::error_code bad_first, bad_last;
    const auto from = boost::asio::ip::make_address_v4(first, bad_first);
    const auto to = boost::asio::ip::make_address_v4(last.empty() ? first : last, bad_last);
    require(!bad_first && !bad_last && from <= to, "the addresses of a shared access signature must be one "
                                                   "IPv4 address, or the first and the last of a range");
    addresses_ = last.empty() ? std::move(first) : first + '-' + last;
    return *this;
}

sas_terms& sas_terms::plain_http(bool allow) {
    plain_http_ = allow;
    return *this;
}

sas_terms& sas_terms::version(std::string v) {
    const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
    const bool date = v.size() == 10 && v[4] == '-' && v[7] == '-' && std::ranges::count_if(v, is_digit) == 8;
    require(date && v >= "2015-04-05",
            "the version of a shared access signature must be a date from 2015-04-05 on, such as 2019-02-02");
    version_ = std::move(v);
    return *this;
}

sas_range& sas_range::from(std::string partition_key, std::string row_key) {
    require(!partition_key.empty(), "the range of a shared access signature requires a partition key");
    require_one_line(partition_key + row_key, "a key");
    first_partition_key_ = std::move(partition_key);
    first_row_key_ = std::move(row_key);
    return *this;
}

sas_range& sas_range::to(std::string partition_key, std::string row_key) {
    require(!partition_key.empty(), "the range of a shared access signature requires a partition key");
    require_one_line(partition_key + row_key, "a key");
    last_partition_key_ = std::move(partition_key);
    last_row_key_ = std::move(row_key);
    return *this;
}

std::string account_sas(std::string_view account, const secret& key, const sas_terms& terms,
                        std::string_view resource_types) {
    require(terms.policy().empty(),
            "an account's shared access signature cannot use a stored access policy: policies belong to "
            "tables; use table_sas");
    require_one_line(account, "the account");
    token_builder b;
    b.sign_only(account);
    b.add("sp", terms.permissions());
    b.add("ss", "t");
    b.add("srt", in_order(resource_types, resource_types_in_order, "the resource types"));
    b.add("st", terms.start());
    b.add("se", terms.expiry());
    b.add("sip", terms.addresses());
    b.add("spr", protocols(terms));
    b.add("sv", terms.version());
    if (terms.version() >= "2020-12-06")
        b.sign_only({}); // the encryption scope, which does not apply to tables
    return b.release(key.reveal());
}

std::string table_sas(std::string_view account, const secret& key, std::string_view table,
                      const sas_terms& terms, const sas_range& range) {
    const bool of_table =
        terms.permissions().find_first_not_of(table_permissions_in_order) == std::string::npos;
    require(
        of_table,
        "the permissions of a table's shared access signature must be one or more of the letters \"raud\"");
    require_one_line(account, "the account");
    const auto is_letter_or_digit = [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    };
    require(table.size() >= 3 && table.size() <= 63 && std::ranges::all_of(table, is_letter_or_digit),
            "the table of a shared access signature must have 3 to 63 ASCII letters and digits");
    token_builder b;
    b.add("sp", terms.policy().empty()
                    ? in_order(terms.permissions(), table_permissions_in_order, "the permissions")
                    : std::string());
    b.add("st", terms.start());
    b.add("se", terms.expiry());
    b.sign_only("/table/" + std::string(account) + "/" + ascii::to_lower(table));
    b.query_only("tn", table);
    b.add("si", terms.policy());
    b.add("sip", terms.addresses());
    b.add("spr", protocols(terms));
    b.add("sv", terms.version());
    b.add("spk", range.first_partition_key());
    b.add("srk", range.first_row_key());
    b.add("epk", range.last_partition_key());
    b.add("erk", range.last_row_key());
    b.lines().pop_back(); // no line end after the last line
    return b.release(key.reveal());
}

} // namespace azkv
