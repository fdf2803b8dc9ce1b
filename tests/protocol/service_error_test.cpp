#include "protocol/message.hpp"
#include "protocol/service_error.hpp"

#include <doctest/doctest.h>

using namespace azkv;
using namespace azkv::protocol;

namespace {

response answer(unsigned status, std::string body, std::string code = {}) {
    response r;
    r.status = status;
    r.body = std::move(body);
    r.error_code = std::move(code);
    return r;
}

} // namespace

TEST_CASE("errors in each of their forms") {
    const auto json = read_error(answer(
        404,
        R"({"odata.error":{"code":"TableNotFound","message":{"lang":"en-US","value":"No table.\nRequestId:1"}}})"));
    CHECK(json.code == "TableNotFound");
    CHECK(json.message == "No table.\nRequestId:1");
    CHECK(read_error(answer(404, "\xEF\xBB\xBF{\"odata.error\":{\"code\":\"X\"}}")).code == "X");

    const auto xml =
        read_error(answer(403, "\xEF\xBB\xBF<?xml version=\"1.0\"?><Error><Code>AuthFailed</Code><Message>No "
                               "&lt;b&gt;</Message></Error>"));
    CHECK(xml.code == "AuthFailed");
    CHECK(xml.message == "No <b>");

    const auto prefixed = read_error(answer(
        400,
        "<m:error xmlns:m=\"u\"><m:code>X</m:code><m:message xml:lang=\"en-US\">m</m:message></m:error>"));
    CHECK(prefixed.code == "X");
    CHECK(prefixed.message == "m");

    CHECK(read_error(answer(400, "", "FromHeader")).code == "FromHeader");
    CHECK(read_error(answer(500, "")).code == "");
    CHECK(read_error(answer(404, R"({"odata.error":{"code":"","message":{"value":"m"}}})", "H")).code == "H");
}

TEST_CASE("bodies that are not errors do no harm") {
    for (const char* body :
         {"{", "<", "<a", "<a><code>", "[]", "{}", R"({"odata.error":[]})", "plain text",
          R"({"odata.error":{"code":5,"message":"m"}})", "<html><body>404</body></html>"}) {
        CAPTURE(body);
        CHECK(read_error(answer(404, body)).code == "");
    }
    CHECK(read_error(answer(404, '{' + std::string(1 << 20, ' '))).code == "");

    std::string deep; // nested deeper than a stack allows
    for (int i = 0; i < 60'000; ++i) deep += "<a>";
    CHECK(read_error(answer(404, deep)).code == "");
    CHECK(read_error(answer(404, deep + "<Code>X</Code>")).code == "X");
    CHECK(read_error(answer(404, std::string(200'000, '['))).code == "");
    CHECK(read_error(answer(404, "{\"a\":" + std::string(200'000, '['))).code == "");

    // Each character is read once: a body with many open tags does not take minutes.
    const std::string open = std::string(200'000, '<');
    CHECK(read_error(answer(404, open)).code == "");
    CHECK(read_error(answer(404, open + '>')).code == "");
    CHECK(read_error(answer(404, open + "Code>X</Code>")).code == "X");
    const auto torn = read_error(answer(404, "<Code <Message>m</Message>"));
    CHECK(torn.code == "");
    CHECK(torn.message == "m");
}

TEST_CASE("classes of errors") {
    const auto code = [](unsigned status, const char* service_code = "", bool own_words = true) {
        service_error e;
        e.code = service_code;
        e.own_words = own_words;
        return classify(answer(status, ""), e);
    };
    CHECK(code(400) == errc::rejected);
    CHECK(code(400, "EntityTooLarge") == errc::too_large);
    CHECK(code(401) == errc::unauthorized);
    CHECK(code(403) == errc::forbidden);
    CHECK(code(404) == errc::not_found);
    CHECK(code(405) == errc::rejected);
    CHECK(code(409) == errc::conflict);
    CHECK(code(412) == errc::precondition_failed);
    CHECK(code(413) == errc::too_large);
    CHECK(code(429) == errc::throttled);
    CHECK(code(500) == errc::server_error);
    CHECK(code(503) == errc::server_error);
    CHECK(code(503, "ServerBusy") == errc::throttled);
    CHECK(code(501) == errc::rejected);
    CHECK(code(200) == errc::bad_response);
    CHECK(code(302) == errc::bad_response);
    CHECK(code(200, "EntityTooLarge") == errc::bad_response);
    // Data errors that others than the service report.
    for (const unsigned status : {404u, 409u, 412u}) CHECK(code(status, "X", false) == errc::bad_response);
    CHECK(code(403, "", false) == errc::forbidden);
}

TEST_CASE("the service's own message comes from a body of its form") {
    const auto own = [](std::string body) {
        return std::string(answer(404, std::move(body), "FromHeader").own_code());
    };
    CHECK(own(R"({"odata.error":{"code":"X"}})") == "X");
    CHECK(own("\xEF\xBB\xBF<?xml version=\"1.0\"?>\n<m:error><m:code>X</m:code></m:error>") == "X");
    CHECK(own("<error xmlns=\"http://schemas.microsoft.com/ado/2007/08/dataservices/metadata\">"
              "<code>X</code></error>")
          == "X");
    for (const char* body :
         {"", "{}", R"({"code":"X"})", R"({"error":{"code":"X"}})", R"({"odata.error":{}})",
          R"({"odata.error":{"code":5}})", R"([{"odata.error":{"code":"X"}}])", "<html><code>X</code></html>",
          "<Error><Code>X</Code></Error>", "<Fault><Error><Code>X</Code></Error></Fault>", "<Error/>",
          "<Error><Code></Code></Error>", "X"}) {
        CAPTURE(body);
        CHECK(own(body) == "");
    }
}
