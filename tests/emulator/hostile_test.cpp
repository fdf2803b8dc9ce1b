#include "emulator/service.hpp"
#include "identity/tokens/shared_key.hpp"
#include "protocol/http_date.hpp"
#include "support/run.hpp"
#include "support/test_account.hpp"

#include <string>

using namespace azkv;
using namespace azkv::emulation;
using test::contains;

namespace {

/// A service that receives correctly signed requests with any other defect.
class subject {
public:
    explicit subject(service_mode mode) : service_(options(mode)), mac_(options(mode).key()) {}

    reply ask(std::string method, std::string target, std::string body = {}, std::string host = "localhost") {
        const std::string date = protocol::http_date(std::chrono::system_clock::now());
        identity::shared_key_input input;
        input.request.target = target;
        input.date = date;
        input.account = "a";
        const std::string text = identity::string_to_sign(identity::shared_key_scheme::lite, input);
        request r;
        r.method = std::move(method);
        r.target = std::move(target);
        r.headers = {{"Host", std::move(host)},
                     {"Accept", "application/json"},
                     {"Content-Type", "application/json"},
                     {"x-ms-date", date},
                     {"Authorization", "SharedKeyLite a:" + mac_.sign(text)}};
        r.body = std::move(body);
        return service_.answer(r, origin());
    }

private:
    static emulator_options options(service_mode mode) {
        return emulator_options().mode(mode).account("a", test::test_key);
    }

    service service_;
    identity::hmac_sha256 mac_;
};

void check_refused(const reply& answer, const char* code) {
    CHECK(answer.status == 400);
    CHECK(contains(answer.body, code));
}

} // namespace

TEST_CASE("hostile: XML that is nested deeper than the stack") {
    subject s(service_mode::storage);
    std::string deep;
    for (int i = 0; i < 1'000'000; ++i) deep += "<a>";
    check_refused(s.ask("PUT", "/a/?comp=properties", deep), "InvalidXmlDocument");
    CHECK(s.ask("PUT", "/a/?comp=properties", "<StorageServiceProperties/>").status == 202);
}

TEST_CASE("hostile: invalid hosts") {
    subject s(service_mode::storage);
    for (const std::string host : {"h\xFF", "a/b", "a b", "\""})
        check_refused(s.ask("GET", "/a/Tables", {}, host), "InvalidHeaderValue");
    check_refused(s.ask("GET", "/a/Tables", {}, std::string(60'000, 'h')), "InvalidHeaderValue");
    for (const std::string host : {"127.0.0.1:10002", "[::1]:10002", "my_host-1.local"})
        CHECK(s.ask("GET", "/a/Tables", {}, host).status == 200);
}

TEST_CASE("hostile: a target with a fragment") {
    subject s(service_mode::storage);
    check_refused(s.ask("GET", "/a/Tables#x"), "InvalidUri");
}

TEST_CASE("hostile: names of tables that need escapes") {
    subject s(service_mode::cosmos);
    check_refused(s.ask("POST", "/Tables", R"({"TableName":"a\r\nX: y"})"), "InvalidResourceName");
    const reply created = s.ask("POST", "/Tables", R"({"TableName":"it's \u00e4"})");
    CHECK(created.status == 201);
    const std::string* const location = find_header(created.headers, "Location");
    REQUIRE(location);
    CHECK(*location == "http://localhost/Tables('it''s%20%C3%A4')");
    CHECK(s.ask("GET", location->substr(16)).status == 200);
}
