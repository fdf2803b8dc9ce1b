#include "identity/tokens/challenge.hpp"
#include "support/base64.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace azkv::identity;

namespace {

const std::string uuid = "72f988bf-86f1-41af-91ab-2d7cd011db47";

bearer_challenge parsed(std::string_view text) {
    const auto c = parse_bearer_challenge(text);
    REQUIRE(c.has_value());
    return *c;
}

bearer_challenge of_uri(const std::string& uri) {
    return parsed("Bearer authorization_uri=\"" + uri + '"');
}

} // namespace

TEST_CASE("the challenge of Table Storage") {
    const auto c = parsed("Bearer authorization_uri=https://login.microsoftonline.com/" + uuid
                          + "/oauth2/authorize resource_id=https://storage.azure.com");
    CHECK(c.authority == "https://login.microsoftonline.com");
    CHECK(c.tenant == uuid);
    CHECK(c.resource == "https://storage.azure.com");
    CHECK(c.error == "");
    CHECK(c.claims == "");
}

TEST_CASE("blanks or commas separate parameters with or without quotes under either name") {
    const std::string uri = "https://login.microsoftonline.com/" + uuid;
    for (const std::string& text : {
             "Bearer authorization=\"" + uri + "\", resource=\"https://vault.example\"",
             "bearer  AUTHORIZATION_URI = " + uri + " ,resource_id= \"https://vault.example\"",
             "BEARER realm=\"\",resource=https://vault.example,,authorization_uri=\"" + uri + "/x?y=z\"",
             "\tBearer\tresource_id=https://vault.example\tauthorization=" + uri + "/",
             "Basic realm=\"Bearer authorization_uri=https://evil.example/" + uuid
                 + "\", Bearer authorization=\"" + uri + "\" resource=https://vault.example",
             "Negotiate, NTLM TlRMTVNTUAAC==, Bearer authorization=" + uri
                 + ", resource=https://vault.example, Basic resource=x, Bearer resource=y",
             "Bearer authorization=\"ht\\tps:\\//login.microsoftonline.com/" + uuid
                 + "\" resource=\"https://vault\\.example\"",
             "Bearer authorization=" + uri + " authorization=https://evil.example/" + uuid
                 + " resource=https://vault.example resource=https://evil.example",
         }) {
        CAPTURE(text);
        const auto c = parsed(text);
        CHECK(c.authority == "https://login.microsoftonline.com");
        CHECK(c.tenant == uuid);
        CHECK(c.resource == "https://vault.example");
    }
}

TEST_CASE("what is not a Bearer challenge") {
    for (const char* text :
         {"", " ", ",,", "Basic realm=x", "Bearer=x", "Bearers authorization_uri=https://a.example/b",
          "Basic realm=\"Bearer x\"", "Bearer realm=\"no end", "Bearer realm=\"no end\\",
          "Basic realm=\"no end, Bearer resource=x"}) {
        CAPTURE(text);
        CHECK_FALSE(parse_bearer_challenge(text));
    }
    CHECK(parse_bearer_challenge("Bearer"));
    CHECK(parse_bearer_challenge("Bearer")->authority == "");
}

TEST_CASE("only an https URL is an authority") {
    CHECK(of_uri("https://LOGIN.example:8443/" + uuid).authority == "https://LOGIN.example:8443");
    CHECK(of_uri("https://login.example:443/" + uuid).authority == "https://login.example");
    CHECK(of_uri("https://[::1]:8443/" + uuid + "/a/b?c=d#e").authority == "https://[::1]:8443");
    for (const std::string& uri :
         {"http://login.example/" + uuid, "//login.example/" + uuid, "/" + uuid, std::string("https://"),
          "https://user@login.example/" + uuid, "https://user:pass@login.example/" + uuid,
          "https://login%2Eexample/" + uuid, "https://login.example:0/" + uuid,
          "https://login example/" + uuid, "ftp://login.example/" + uuid, "https:login.example/" + uuid}) {
        CAPTURE(uri);
        CHECK(of_uri(uri).authority == "");
        CHECK(of_uri(uri).tenant == ""); // which no other field holds
    }
}

TEST_CASE("a tenant is an identifier or a domain") {
    const auto tenant = [](const std::string& first) {
        return of_uri("https://login.example/" + first).tenant;
    };
    for (const std::string& t : {uuid, std::string("72F988BF-86F1-41AF-91AB-2D7CD011DB47"),
                                 std::string("contoso.onmicrosoft.com"), std::string("a-b.example")}) {
        CHECK(tenant(t) == t);
        CHECK(tenant(t + "/oauth2/authorize") == t);
    }
    for (const std::string& t : {std::string(),
                                 std::string("common"),
                                 std::string("organizations"),
                                 std::string("consumers"),
                                 std::string("adfs"),
                                 std::string("contoso"),
                                 std::string(".."),
                                 std::string("a..b"),
                                 std::string(".a"),
                                 std::string("a."),
                                 std::string("-a.example"),
                                 std::string("a.-example"),
                                 std::string("a%2Eexample"),
                                 std::string("a_b.example"),
                                 std::string("a.example;x"),
                                 uuid + "0",
                                 uuid.substr(1),
                                 "g" + uuid.substr(1),
                                 std::string(250, 'a') + ".example",
                                 '/' + uuid,
                                 "%2F" + uuid}) {
        CAPTURE(t);
        CHECK(tenant(t) == "");
        CHECK(of_uri("https://login.example/" + t).authority == "https://login.example");
    }
}

TEST_CASE("the claims that a token must have") {
    const std::string json = R"({"access_token":{"nbf":{"essential":true,"value":"1702682181"}}})";
    const auto claims = [](const std::string& text) {
        const auto c = parsed("Bearer error=\"insufficient_claims\", claims=\"" + text + '"');
        CHECK(c.error == "insufficient_claims");
        return c.claims;
    };
    CHECK(claims(azkv::support::encode_base64(json)) == json);
    CHECK(claims(azkv::support::encode_base64url(json)) == json);
    const std::string other = R"({"a":"?>~"})"; // where the alphabets differ
    CHECK(azkv::support::encode_base64(other) != azkv::support::encode_base64url(other));
    CHECK(claims(azkv::support::encode_base64(other)) == other);
    CHECK(claims(azkv::support::encode_base64url(other)) == other);
    // Unquoted, with padding.
    CHECK(parsed("Bearer claims=" + azkv::support::encode_base64(R"({"a":1})") + ",error=x").claims
          == R"({"a":1})");

    CHECK(claims("") == "");
    CHECK(claims("***") == "");
    for (const char* text : {"", "x", "1", "[1]", "\"a\"", "{", "{\"a\":1}x", "{\"a\":\"\xFF\"}"}) {
        CAPTURE(text);
        CHECK(claims(azkv::support::encode_base64(text)) == "");
    }
    const auto of_size = [](std::size_t n) { return R"({"a":")" + std::string(n - 8, 'x') + "\"}"; };
    CHECK(claims(azkv::support::encode_base64(of_size(16 * 1024))).size() == 16 * 1024);
    CHECK(claims(azkv::support::encode_base64(of_size(16 * 1024 + 1))) == "");
    CHECK(claims(azkv::support::encode_base64(std::string(40, '[') + std::string(40, ']'))) == "");
    CHECK(claims(
              azkv::support::encode_base64("{\"a\":" + std::string(5000, '[') + std::string(5000, ']') + "}"))
          == "");
}

TEST_CASE("only values of visible characters are kept") {
    CHECK(parsed("Bearer resource=\"a b\", error=\"c\r\nd\"").resource == "");
    CHECK(parsed("Bearer resource=\"a b\", error=\"c\r\nd\"").error == "");
    CHECK(parsed("Bearer resource=\xC3\xA9").resource == "");
}
