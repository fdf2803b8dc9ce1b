#include "identity/tokens/token_response.hpp"
#include "support/run.hpp"
#include "support/test_secrets.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <string>

using namespace azkv;
using namespace azkv::identity;
using namespace azkv::test;
using namespace std::chrono_literals;
using std::chrono::system_clock;

namespace {

const wall_time moment = system_clock::from_time_t(1767323045); // 2026-01-02T03:04:05Z

protocol::response answer(unsigned status, std::string body) {
    protocol::response r;
    r.status = status;
    r.body = std::move(body);
    return r;
}

access_token token(const std::string& times, wall_time asked = moment) {
    return read_token(answer(200, R"({"access_token":")" + secrets::access_token + "\"," + times + '}'),
                      asked);
}

/// Returns the message for a malformed response; checks that it repeats nothing of it.
std::string complaint(std::string body) {
    const error e = failure_of([&] { read_token(answer(200, std::move(body)), moment); });
    CHECK(e.code() == errc::bad_response);
    CHECK_FALSE(secrets::shown_in(e.what()));
    return e.what();
}

error failure(unsigned status, const std::string& body) {
    protocol::response r = answer(status, body);
    r.request_id = "id-1";
    return failure_of([&] { throw_token_error(r, "login.example"); });
}

} // namespace

TEST_CASE("a token's expiry in every form that a service writes") {
    for (const std::string text : {"1767323045",
                                   "2026-01-02T03:04:05Z",
                                   "2026-01-02t03:04:05z",
                                   "2026-01-02 03:04:05Z",
                                   "2026-01-02T03:04:05.678Z",
                                   "2026-01-02T03:04:05.6789012Z",
                                   "2026-01-02T03:04:05+00:00",
                                   "2026-01-02T03:04:05 +00:00",
                                   "2026-01-02T03:04:05-00:00",
                                   "2026-01-02T04:34:05+01:30",
                                   "2026-01-02T04:34:05.123+0130",
                                   "2026-01-01T17:04:05-10:00",
                                   "2026-01-02T17:04:05+14:00",
                                   "01/02/2026 03:04:05 +00:00",
                                   "1/2/2026 3:04:05 +00:00",
                                   "01/02/2026 03:04:05 Z",
                                   "1/2/2026 3:04:05 AM +00:00",
                                   "01/02/2026 05:04:05 +02:00",
                                   "/Date(1767323045000)/",
                                   "/Date(1767323045999)/"}) {
        CAPTURE(text);
        const auto at = parse_expiry(text);
        REQUIRE(at);
        CHECK(*at == moment);
    }
    CHECK(parse_expiry("0") == wall_time());
    CHECK(parse_expiry("1970-01-01T00:00:00Z") == wall_time());
    CHECK(parse_expiry("2024-02-29T23:59:60Z") == system_clock::from_time_t(1709251200)); // a leap second
    CHECK(parse_expiry("7258118400") == wall_time(7'258'118'400s));
    CHECK(parse_expiry("2199-12-31T23:59:59Z") == wall_time(7'258'118'399s));
    CHECK(parse_expiry("1/2/2026 12:04:05 AM +00:00") == moment - 3h);
    CHECK(parse_expiry("1/2/2026 12:04:05 PM +00:00") == moment + 9h);
    CHECK(parse_expiry("1/2/2026 3:04:05 PM +00:00") == moment + 12h);
}

TEST_CASE("what is not a time") {
    for (const std::string text : {"",
                                   " ",
                                   "x",
                                   "-1",
                                   "+1",
                                   "1.5",
                                   "1e9",
                                   " 1",
                                   "1 ",
                                   "0x10",
                                   "7258118401",
                                   "253402300799",
                                   "9223372036854775807",
                                   "9223372036854775808",
                                   "99999999999999999999999",
                                   "2026-01-02",
                                   "2026-01-02T03:04",
                                   "2026-01-02T03:04:05",
                                   "2026-01-02T03:04:05 ",
                                   "2026-01-02T03:04:05.",
                                   "2026-01-02T03:04:05+1",
                                   "2026-01-02T03:04:05+1:30",
                                   "2026-01-02T03:04:05+01:3",
                                   "2026-01-02T03:04:05+15:00",
                                   "2026-01-02T03:04:05+01:60",
                                   "2026-01-02T03:04:05+-1:30",
                                   "2026-01-02T03:04:05+01-30",
                                   "2026-01-02T03:04:05ZZ",
                                   "2026-01-02T03:04:05Z+00:00",
                                   "2026-13-01T00:00:00Z",
                                   "2026-00-01T00:00:00Z",
                                   "2026-02-29T00:00:00Z",
                                   "2026-04-31T00:00:00Z",
                                   "2026-01-00T00:00:00Z",
                                   "2026-01-32T00:00:00Z",
                                   "2026-01-02T24:00:00Z",
                                   "2026-01-02T00:60:00Z",
                                   "2026-01-02T00:00:61Z",
                                   "1969-12-31T23:59:59Z",
                                   "1970-01-01T00:00:00+00:01",
                                   "2200-01-01T00:00:01Z",
                                   "9999-12-31T23:59:59Z",
                                   "2026--1-02T03:04:05Z",
                                   "2026-01-02X03:04:05Z",
                                   "13/01/2026 00:00:00 +00:00",
                                   "01/02/2026 03:04:05",
                                   "01/02/26 03:04:05 +00:00",
                                   "1/2/2026 13:04:05 PM +00:00",
                                   "1/2/2026 0:04:05 AM +00:00",
                                   "1/2/2026 3:04:05 XM +00:00",
                                   "1/2/2026 3:04:05 PM",
                                   "2026-01-02T03:04:05 PM +00:00",
                                   "/Date()/",
                                   "/Date(",
                                   "/Date(x)/",
                                   "/Date(-1)/",
                                   "/Date)/",
                                   "/Date(7258118400001)/",
                                   "/Date(1767323045000)",
                                   "%s%n",
                                   "2026-01-02T03:04:05%n"}) {
        CAPTURE(text);
        CHECK_FALSE(parse_expiry(text));
    }
    CHECK_FALSE(parse_expiry(std::string("2026-01-02T03:04:05Z\0", 21)));
    CHECK_FALSE(parse_expiry("2026-01-02T03:04:05." + std::string(100'000, '1') + 'Z'));
}

TEST_CASE("a token and its expiry") {
    const auto text_is_whole = [](const access_token& t) {
        return t.token().reveal() == secrets::access_token;
    };
    CHECK(text_is_whole(token(R"("expires_in":3599)")));
    for (const std::string times :
         {R"("expires_in":3599)", R"("expires_in":"3599")", R"("expires_in":3599.0)",
          R"("expires_in":3.599e3)", R"("expires_on":1767326644)", R"("expires_on":"1767326644")",
          R"("expires_on":1767326644.0)", R"("expires_on":"2026-01-02T04:04:04Z")",
          R"("expires_on":"01/02/2026 04:04:04 +00:00")", R"("expires_in":1,"expires_on":"1767326644")",
          R"("expires_on":null,"expires_in":3599)", R"("expires_on":"soon","expires_in":"3599")",
          R"("expires_on":-1,"expires_in":3599)", R"("expires_on":253402300799,"expires_in":3599)",
          R"("expires_on":1e300,"expires_in":3599)", R"("expires_on":18446744073709551615,"expires_in":3599)",
          R"("expires_on":[1],"expires_in":3599)"}) {
        CAPTURE(times);
        const access_token t = token(times);
        CHECK(t.expires_on() == moment + 3599s);
        CHECK_FALSE(t.refresh_on());
    }
    CHECK(token(R"("expires_in":0)").expires_on() == moment);
    CHECK(token(R"("expires_in":7258118400)").expires_on() > moment + 24h); // no overflow
}

TEST_CASE("when the next token is due") {
    CHECK(token(R"("expires_in":3599,"refresh_in":1800)").refresh_on() == moment + 30min);
    CHECK(token(R"("expires_in":3599,"refresh_in":"1800")").refresh_on() == moment + 30min);
    CHECK(token(R"("expires_in":3599,"refresh_in":7200)").refresh_on() == moment + 3599s);
    for (const std::string none : {"-1", "null", "\"soon\"", "{}", "1e300"}) {
        CAPTURE(none);
        CHECK_FALSE(token(R"("expires_in":3599,"refresh_in":)" + none).refresh_on());
    }
}

TEST_CASE("an error about a malformed response repeats nothing of it") {
    const std::string t = R"("access_token":")" + secrets::access_token + '"';
    for (const std::string& body :
         {std::string(), std::string("null"), "[{" + t + "}]", secrets::access_token,
          '"' + secrets::access_token + '"', '{' + t, '{' + t + ",}", '{' + t + "}}",
          "<html>" + secrets::access_token + "</html>", "{\"" + secrets::access_token + "\":\xFF}",
          std::string(100, '['), "{\"x\":" + std::string(5000, '['),
          '{' + t + ",\"expires_in\":1,\"x\":\"" + std::string(300'000, 'x') + "\"}"})
        CHECK(contains(complaint(body), "it is not a JSON object"));
    for (const std::string none : {"{}", R"({"access_token":""})", R"({"access_token":1,"expires_in":1})",
                                   R"({"access_token":null})", R"({"accessToken":"x","expires_in":1})"})
        CHECK(contains(complaint(none), "it has no access_token"));
    for (const std::string times :
         {"", R"(,"expires_in":"")", R"(,"expires_in":-1)", R"(,"expires_in":true)", R"(,"expires_in":"1h")",
          R"(,"expires_on":"never")", R"(,"expires_on":9223372036854775807)"})
        CHECK(contains(complaint('{' + t + times + '}'), "expires"));
    for (const std::string odd : {" ", "\\r\\nEvil: 1", "\\u0000", "\\u00e4", "\\u007f", "\\n"})
        CHECK(contains(complaint(R"({"expires_in":1,"access_token":")" + secrets::access_token + odd + "\"}"),
                       "a character"));
}

TEST_CASE("the body of a response is wiped") {
    protocol::response r = answer(200, R"({"expires_in":1,"access_token":")" + secrets::access_token + "\"}");
    read_token(std::move(r), moment);
    const bool gone = !secrets::shown_in(r.body);
    CHECK(gone);
}

TEST_CASE("the error of an authority") {
    const auto said = [](const std::string& body) { return read_token_error(answer(401, body)); };
    const token_error usual = said(
        R"({"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret",
            "error_codes":[7000215,2],"timestamp":"2026-01-02 03:04:05Z","trace_id":"x"})");
    CHECK(usual.error == "invalid_client");
    CHECK(usual.description == "AADSTS7000215: Invalid client secret");
    CHECK(usual.number == 7000215);
    CHECK(usual.summary(401) == "HTTP 401, invalid_client, AADSTS7000215");

    const token_error fabric =
        said(R"({"error":{"code":"SecretHeaderNotFound","message":"Secret is not found",
                                           "correlationId":"x"}})");
    CHECK(fabric.error == "SecretHeaderNotFound");
    CHECK(fabric.description == "Secret is not found");
    CHECK(fabric.summary(400) == "HTTP 400");

    CHECK(said(R"({"statusCode":500,"message":"m"})").description == "m");
    CHECK(said(R"({"Message":"M"})").description == "M");
    CHECK(said(R"({"error":"invalid_scope","error_description":"","message":"m"})").description == "m");
    CHECK(said(R"({"code":"x_1","error":"y"})").error == "y");
    CHECK(token_error().summary(500) == "HTTP 500");
}

TEST_CASE("an error in an unknown form is only a status") {
    for (const std::string& body :
         {std::string(), std::string("[]"), std::string("<html>"), std::string(R"({"error":1})"),
          std::string(R"({"error":""})"), std::string(R"({"error":"two words"})"),
          std::string(R"({"error":"a\u0000b"})"), R"({"error":")" + std::string(65, 'x') + "\"}",
          std::string(R"({"error":{"code":[]}})"), std::string(R"({"error_codes":7000215})"),
          std::string(R"({"error_codes":[]})"), std::string(R"({"error_codes":["7000215"]})"),
          std::string(R"({"error_codes":[-1]})"), std::string(R"({"error_codes":[0]})"),
          std::string(R"({"error_codes":[9223372036854775807]})"),
          std::string(R"({"error_codes":[18446744073709551615]})"), std::string(R"({"error_codes":[1e3]})"),
          "{\"error\":" + std::string(5000, '[')}) {
        const token_error said = read_token_error(answer(400, body));
        CHECK(said.error.empty());
        CHECK(said.number == 0);
        CHECK(said.summary(400) == "HTTP 400");
    }
    CHECK(read_token_error(answer(400, R"({"error":")" + std::string(300'000, 'x') + "\"}"))
              .description.empty());
}

TEST_CASE("an error has the request and the status in its message and the rest in the diagnostics") {
    // The authority may repeat a secret anywhere.
    const std::string s = secrets::access_token;
    std::string word = s;
    std::erase_if(word, [](char c) { return c == '.' || c == '-'; });
    for (const std::string& body :
         {R"({"error":")" + s + "\"}", R"({"error":")" + word + "\"}",
          R"({"error":"invalid_client","message":")" + s + "\"}",
          R"({"error":{"code":")" + word + R"(","message":")" + s + "\"}}",
          R"({"error_description":")" + s + "\"}", R"({"error_codes":[")" + s + "\"]}", s}) {
        const error e = failure(400, body);
        CHECK_FALSE(secrets::shown_in(e.what()));
        CHECK(contains(e.what(), "login.example returned no token (HTTP 400"));
    }

    const error e = failure(401, R"({"error":"invalid_client","error_description":"AADSTS7000222: old",
                                     "error_codes":[7000222]})");
    CHECK(e.code() == errc::authentication_failed);
    CHECK(std::string(e.what())
          == "login.example returned no token (HTTP 401, invalid_client, AADSTS7000222)");
    CHECK(e.status() == 401);
    CHECK(e.service_code() == "AADSTS7000222");
    CHECK(e.server_message() == "AADSTS7000222: old");
    CHECK(e.request_id() == "id-1");
    CHECK(failure(400, R"({"error":"invalid_scope"})").service_code() == "invalid_scope");
}

TEST_CASE("transient errors are distinguished from permanent ones") {
    for (const unsigned status : {204u, 302u, 400u, 401u, 403u, 404u, 410u})
        CHECK(failure(status, "").code() == errc::authentication_failed);
    CHECK(failure(408, "").code() == errc::timed_out);
    CHECK(failure(429, "").code() == errc::throttled);
    for (const unsigned status : {500u, 503u, 504u}) CHECK(failure(status, "").code() == errc::server_error);
}
