// The library reads and writes the same in every locale of the program.

#include "client/telemetry.hpp"
#include "identity/sources/environment_credential.hpp"
#include "identity/tokens/challenge.hpp"
#include "protocol/connection_string.hpp"
#include "protocol/endpoint.hpp"
#include "protocol/message.hpp"
#include "protocol/proxy.hpp"
#include "support/recorded_environment.hpp"
#include "support/run.hpp"

#include <azkv/filter.hpp>
#include <azkv/sas.hpp>
#include <azkv/value.hpp>

#include <doctest/doctest.h>

#include <clocale>
#include <locale>
#include <string>
#include <vector>

using namespace azkv;

namespace {

/// Turkish, as in ISO 8859-9: the small letter of `I` has no dot, and is not an ASCII letter.
class turkish_letters : public std::ctype<char> {
protected:
    char do_tolower(char c) const override { return c == 'I' ? '\xFD' : std::ctype<char>::do_tolower(c); }

    const char* do_tolower(char* from, const char* to) const override {
        for (; from != to; ++from) *from = do_tolower(*from);
        return to;
    }

    char do_toupper(char c) const override { return c == 'i' ? '\xDD' : std::ctype<char>::do_toupper(c); }

    const char* do_toupper(char* from, const char* to) const override {
        for (; from != to; ++from) *from = do_toupper(*from);
        return to;
    }
};

/// German: 1.234,5
class german_numbers : public std::numpunct<char> {
protected:
    char do_decimal_point() const override { return ','; }

    char do_thousands_sep() const override { return '.'; }

    std::string do_grouping() const override { return "\3"; }
};

/// Sets the program's locale for its lifetime.
class global_locale {
public:
    explicit global_locale(const std::locale& l) : before_(std::locale::global(l)) {}

    /// The C locale alone; `is_set()` returns whether the machine has it.
    explicit global_locale(const char* name)
        : before_(std::locale()), of_c_(std::setlocale(LC_ALL, nullptr)), set_(std::setlocale(LC_ALL, name)) {
    }

    ~global_locale() {
        std::locale::global(before_);
        if (!of_c_.empty()) std::setlocale(LC_ALL, of_c_.c_str());
    }

    global_locale(const global_locale&) = delete;
    global_locale& operator=(const global_locale&) = delete;

    bool is_set() const { return set_; }

private:
    std::locale before_;
    std::string of_c_;
    bool set_ = true;
};

// Everything that depends on letters, digits or blanks.
std::vector<std::string> outcomes() {
    std::vector<std::string> all;
    const sas_terms terms("raud", std::chrono::system_clock::time_point(std::chrono::hours(24 * 365 * 60)));
    all.push_back(table_sas("acct", "c2VjcmV0", "INVOICES", terms));
    all.push_back(account_sas("acct", "c2VjcmV0", terms));

    const auto settings =
        protocol::parse_connection_string("DEFAULTENDPOINTSPROTOCOL=HTTPS; AccountName = Invoices "
                                          ";ACCOUNTKEY=c2VjcmV0;ENDPOINTSUFFIX=CORE.WINDOWS.NET");
    all.push_back(settings.endpoint);
    all.push_back(protocol::parse_connection_string("USEDEVELOPMENTSTORAGE=TRUE").endpoint);

    const protocol::endpoint e = protocol::parse_endpoint("HTTPS://ACCTI.TABLE.COSMOS.AZURE.COM");
    all.push_back(e.at.host);
    all.push_back(protocol::deduce_mode(e) == service_mode::cosmos ? "cosmos" : "storage");

    protocol::proxy_settings proxy(secret("http://PROXYI.EXAMPLE:3128"));
    proxy.bypass("INTERNALI.EXAMPLE");
    all.push_back(proxy.at().host);
    protocol::authority to;
    to.tls = true;
    to.host = "internali.example";
    all.push_back(proxy.applies_to(to) ? "through the proxy" : "past it");

    protocol::response r;
    r.keep_header("RETRY-AFTER", "7");
    r.keep_header("X-MS-REQUEST-ID", "id");
    all.push_back(r.retry_after + r.request_id);

    const auto challenge = identity::parse_bearer_challenge(
        "BEARER AUTHORIZATION_URI=\"https://LOGIN.example/11111111-2222-3333-4444-555555555555\"");
    all.push_back(challenge ? challenge->authority + challenge->tenant : "none");

    test::recorded_environment env;
    env.variables["AZURE_IDENTITY_DISABLE_MULTITENANTAUTH"] = "TRUE";
    env.variables["AZURE_AUTHORITY_HOST"] = " LOGIN.EXAMPLE ";
    const auto login = identity::settings_from_environment(env.offline());
    all.push_back(login.authority_host + (login.own_tenant_only ? " only" : ""));

    all.push_back(filter_name("İI-i", service_mode::cosmos) + filter_name("ID", service_mode::cosmos));
    all.push_back(serialize_value(parse_value(R"({"d":1234567.5,"i":1234567})")));

    event told;
    told.kind = event_kind::operation;
    told.operation = "get";
    told.collection = "data";
    told.elapsed = std::chrono::microseconds(1'234'567);
    told.bytes_sent = 1'234'567;
    all.push_back(client::describe(told));
    return all;
}

} // namespace

TEST_CASE("texts are the same in every C++ locale") {
    const std::vector<std::string> classic = outcomes();
    CHECK(test::contains(classic.back(), "1234.6 ms"));
    const std::locale turkish(std::locale::classic(), new turkish_letters);
    {
        const global_locale set{std::locale(turkish, new german_numbers)};
        REQUIRE(std::tolower('I', std::locale()) == '\xFD');
        CHECK(outcomes() == classic);
    }
}

TEST_CASE("texts are the same in every C locale that this machine has") {
    const std::vector<std::string> classic = outcomes();
    for (const char* name : {"tr_TR.UTF-8", "tr_TR.ISO-8859-9", "tr_TR", "de_DE.UTF-8", "de_DE", "C.UTF-8"}) {
        CAPTURE(name);
        const global_locale set(name);
        if (set.is_set()) CHECK(outcomes() == classic);
    }
}
