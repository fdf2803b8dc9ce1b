// Access policies, service properties and what browsers may do.

#include "emulator/storage.hpp"
#include "emulator/subject.hpp"
#include "support/temporary_directory.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace azkv;
using namespace azkv::emulation;
using namespace azkv::test;

namespace {

constexpr const char* properties_url = "/?restype=service&comp=properties";

std::string tag(const std::string& name, const std::string& content) {
    return "<" + name + ">" + content + "</" + name + ">";
}

unsigned set(subject& s, const std::string& sections) {
    return s.ask("PUT", properties_url, tag("StorageServiceProperties", sections)).status;
}

std::string get(subject& s) {
    return s.ask("GET", properties_url).body;
}

std::string rule(const std::string& origins, const std::string& methods, const std::string& allowed = "",
                 const std::string& exposed = "", const std::string& age = "0") {
    return tag("CorsRule", tag("AllowedOrigins", origins) + tag("AllowedMethods", methods)
                               + tag("AllowedHeaders", allowed) + tag("ExposedHeaders", exposed)
                               + tag("MaxAgeInSeconds", age));
}

std::string retention(const std::string& content) {
    return tag("HourMetrics",
               tag("Version", "1.0") + tag("Enabled", "false") + tag("RetentionPolicy", content));
}

std::string header(const reply& r, const char* name) {
    const std::string* const text = find_header(r.headers, name);
    return text ? *text : "none";
}

reply preflight(subject& s, const std::string& origin, const std::string& method,
                const std::string& names = "") {
    headers sent;
    if (!origin.empty()) sent.emplace_back("Origin", origin);
    if (!method.empty()) sent.emplace_back("Access-Control-Request-Method", method);
    if (!names.empty()) sent.emplace_back("Access-Control-Request-Headers", names);
    return s.ask_unsigned("OPTIONS", "/any", std::move(sent));
}

} // namespace

TEST_CASE("access policies in XML") {
    subject s;
    s.ask("POST", "/Tables", R"({"TableName":"ttt"})");
    const auto status = [&](const std::string& policies) {
        return s
            .ask(
                "PUT", "/ttt?comp=acl",
                R"(<?xml version="1.0"?><SignedIdentifiers xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">)"
                    + policies + "</SignedIdentifiers>")
            .status;
    };
    const std::string one = "<SignedIdentifier><Id>one</Id></SignedIdentifier>";
    CHECK(status(one) == 204);
    CHECK(status(one + one) == 400);
    std::string many;
    for (const char* id : {"1", "2", "3", "4", "5"})
        many += "<SignedIdentifier><Id>" + std::string(id) + "</Id></SignedIdentifier>";
    CHECK(status(many) == 204);
    CHECK(status(many + one) == 400);
}

TEST_CASE("XML that could not be read again is refused") {
    subject s;
    s.ask("POST", "/Tables", R"({"TableName":"ttt"})");
    const auto policies = [&](const std::string& id) {
        return s.ask("PUT", "/ttt?comp=acl", tag("SignedIdentifiers", tag("SignedIdentifier", tag("Id", id))))
            .status;
    };
    REQUIRE(policies("kept") == 204);
    REQUIRE(set(s, tag("Cors", rule("https://kept.example", "GET"))) == 202);
    for (const char* text :
         {"a&#0;b", "a&#1;b", "a&#xFFFE;b", "a&#xD800;b", "a&#x110000;b", "a\x01", "a\xFF", "\xC0\x80"}) {
        CHECK(policies(text) == 400);
        CHECK(set(s, tag("Cors", rule(text, "GET"))) == 400);
    }
    CHECK(s.ask("PUT", "/ttt?comp=acl", "<SignedIdentifiers/><SignedIdentifiers/>").status == 400);
    CHECK(s.ask("PUT", "/ttt?comp=acl", "<SignedIdentifiers>" + std::string(100'000, '<')).status == 400);
    CHECK(s.ask("GET", "/ttt?comp=acl").body.find("<Id>kept</Id>") != std::string::npos);
    CHECK(get(s).find("https://kept.example") != std::string::npos);
    CHECK(policies("a&#9;b") == 204);
    CHECK(s.ask("GET", "/ttt?comp=acl").status == 200);
}

TEST_CASE("what an earlier version has stored unchecked is repaired") {
    const temporary_directory there;
    {
        subject s(service_mode::storage, there.path());
        s.ask("POST", "/Tables", R"({"TableName":"ttt"})");
        s.ask("POST", "/Tables", R"({"TableName":"none"})");
    }
    const auto policy = [](const std::string& id, const std::string& expiry) {
        return tag("SignedIdentifier",
                   tag("Id", id) + tag("AccessPolicy", tag("Expiry", expiry) + tag("Permission", "r")));
    };
    {
        storage kept(there.path());
        kept.set_access_policies(
            *kept.find_table("ttt", false),
            "<?xml version=\"1.0\"?>"
                + tag("SignedIdentifiers",
                      policy("bad", "soon") + policy("good", "2099-01-01") + policy("good", "2099-01-02")));
        kept.set_access_policies(*kept.find_table("none", false), "no XML");
        kept.set_setting("service properties",
                         tag("StorageServiceProperties",
                             tag("Cors", rule("https://kept.example", "GET")) + tag("Logging", "nonsense")));
    }
    subject s(service_mode::storage, there.path());
    const reply policies = s.ask("GET", "/ttt?comp=acl");
    CHECK(policies.status == 200);
    CHECK(policies.body.ends_with(tag("SignedIdentifiers", policy("good", "2099-01-01T00:00:00.0000000Z"))));
    CHECK(s.ask("GET", "/none?comp=acl").body.ends_with("<SignedIdentifiers />"));
    const std::string properties = get(s);
    CHECK(properties.find("https://kept.example") != std::string::npos);
    CHECK(properties.find("<Read>false</Read>") != std::string::npos);
    CHECK(preflight(s, "https://kept.example", "GET").status == 200);
}

TEST_CASE("access policies come back in the form of the service") {
    subject s;
    s.ask("POST", "/Tables", R"({"TableName":"ttt"})");
    const std::string begin = "\xEF\xBB\xBF<?xml version=\"1.0\" encoding=\"utf-8\"?>";
    CHECK(s.ask("GET", "/ttt?comp=acl").body == begin + "<SignedIdentifiers />");
    const std::string policy = tag("Permission", "r") + tag("Start", "2026-01-02T03:04:05Z");
    const std::string sent = tag("SignedIdentifier", tag("AccessPolicy", policy) + tag("Id", "a&amp;b"))
                             + tag("SignedIdentifier", tag("Id", "c") + "<AccessPolicy/>");
    CHECK(s.ask("PUT", "/ttt?comp=acl", "\n" + tag("SignedIdentifiers", sent)).status == 204);
    CHECK(s.ask("GET", "/ttt?comp=acl").body
          == begin
                 + tag("SignedIdentifiers",
                       tag("SignedIdentifier",
                           tag("Id", "a&amp;b")
                               + tag("AccessPolicy",
                                     tag("Start", "2026-01-02T03:04:05.0000000Z") + tag("Permission", "r")))
                           + tag("SignedIdentifier", tag("Id", "c"))));
    const reply empty = s.ask("PUT", "/ttt?comp=acl");
    CHECK(empty.status == 415);
    CHECK(header(empty, "x-ms-error-code") == "MediaTypeNotSupported");
    CHECK(header(empty, "Cache-Control") == "none");
    const std::string bad = tag("AccessPolicy", tag("Expiry", "2042-01-01T01:01:01.000000001Z"));
    CHECK(
        s.ask("PUT", "/ttt?comp=acl", tag("SignedIdentifiers", tag("SignedIdentifier", tag("Id", "d") + bad)))
            .status
        == 400);
}

TEST_CASE("a section of the service properties that is not sent remains") {
    subject s;
    const std::string logging = tag(
        "Logging", tag("RetentionPolicy", tag("Days", "5") + tag("Enabled", "True")) + tag("Version", "1.0")
                       + tag("Delete", "False") + tag("Read", "TRUE") + tag("Write", "false"));
    CHECK(set(s, logging) == 202);
    CHECK(set(s, tag("Cors", rule("*", "GET,PUT", "x-ms-*", "x", "60"))) == 202);
    CHECK(get(s)
          == "\xEF\xBB\xBF<?xml version=\"1.0\" encoding=\"utf-8\"?><StorageServiceProperties>"
             "<Logging><Version>1.0</Version><Read>true</Read><Write>false</Write><Delete>false</Delete>"
             "<RetentionPolicy><Enabled>true</Enabled><Days>5</Days></RetentionPolicy></Logging>"
             "<HourMetrics><Version>1.0</Version><Enabled>false</Enabled>"
             "<RetentionPolicy><Enabled>false</Enabled></RetentionPolicy></HourMetrics>"
             "<MinuteMetrics><Version>1.0</Version><Enabled>false</Enabled>"
             "<RetentionPolicy><Enabled>false</Enabled></RetentionPolicy></MinuteMetrics>"
             "<Cors><CorsRule><AllowedMethods>GET,PUT</AllowedMethods><AllowedOrigins>*</AllowedOrigins>"
             "<AllowedHeaders>x-ms-*</AllowedHeaders><ExposedHeaders>x</ExposedHeaders>"
             "<MaxAgeInSeconds>60</MaxAgeInSeconds></CorsRule></Cors></StorageServiceProperties>");
    CHECK(set(s, "<Cors />") == 202);
    CHECK(get(s).find("<Cors />") != std::string::npos);
}

TEST_CASE("service properties beyond the limits are refused") {
    subject s;
    const std::string on = tag("Enabled", "true"), off = tag("Enabled", "false");
    CHECK(set(s, retention(off)) == 202);
    CHECK(set(s, retention(on + tag("Days", "365"))) == 202);
    for (const std::string& bad :
         {on, on + tag("Days", "0"), on + tag("Days", "366"), on + tag("Days", "x"), off + tag("Days", "5"),
          tag("Enabled", "yes"), off + off, off + tag("Other", ""), std::string()})
        CHECK(set(s, retention(bad)) == 400);
    CHECK(set(s, tag("Unknown", "")) == 400);
    CHECK(set(s, tag("HourMetrics", tag("Version", "1.0") + off)) == 400);
    CHECK(set(s, tag("Cors", rule("*", "GET") + rule("*", "GET") + rule("*", "GET") + rule("*", "GET")
                                 + rule("*", "GET")))
          == 202);
    std::string six;
    for (int i = 0; i < 6; ++i) six += rule("*", "GET");
    const std::string long_name(257, 'a');
    for (const std::string& bad :
         {six, rule("", "GET"), rule("*", ""), rule("*", "get"), rule("*", "GET", "", "", "-1"),
          rule("*", "GET", "", "", ""), rule(long_name, "GET"), rule("*", "GET", "a*,b*,c*"),
          rule("*", "GET", "", long_name), tag("CorsRule", tag("AllowedOrigins", "*"))})
        CHECK(set(s, tag("Cors", bad)) == 400);
    CHECK(set(s, tag("Cors", rule("*", "GET", "a,b,c*,d*", "e*,f*,g"))) == 202);
}

TEST_CASE("the size of rules is that of their texts, without tags") {
    subject s;
    const auto set_size = [&](std::size_t bytes) {
        const std::string name(250, 'n');
        std::string names = name;
        while (names.size() + 1 + name.size() < bytes) names += "," + name;
        names += "," + std::string(bytes - names.size() - 1, 'n');
        std::string rules;
        for (int i = 0; i < 4; ++i) rules += rule("*", "GET"); // each of 5 bytes
        return set(s, "<Cors about='browsers'>" + rules + rule("*", "GET", names) + "</Cors>");
    };
    CHECK(set_size(2048 - 25) == 202);
    CHECK(set_size(2048 - 24) == 400);
}

TEST_CASE("a browser asks before it sends a request") {
    subject s;
    CHECK(preflight(s, "https://a.example", "PUT").status == 403);
    REQUIRE(set(s, tag("Cors",
                       rule("https://a.example,https://b.example", "PUT", "x-ms-date,x-ms-meta-*", "", "60")
                           + rule("*", "GET", "*")))
            == 202);
    const reply allowed = preflight(s, "https://b.example", "PUT", "x-ms-Date, x-ms-meta-a");
    CHECK(allowed.status == 200);
    CHECK(header(allowed, "Access-Control-Allow-Origin") == "https://b.example");
    CHECK(header(allowed, "Access-Control-Allow-Methods") == "PUT");
    CHECK(header(allowed, "Access-Control-Allow-Headers") == "x-ms-Date, x-ms-meta-a");
    CHECK(header(allowed, "Access-Control-Max-Age") == "60");
    CHECK(header(allowed, "Access-Control-Allow-Credentials") == "true");
    CHECK(preflight(s, "https://any.example", "GET", "authorization").status == 200);
    CHECK(preflight(s, "https://b.example", "PUT", "x-ms-date,other").status == 403);
    CHECK(preflight(s, "https://b.example", "DELETE").status == 403);
    CHECK(preflight(s, "https://B.example", "PUT").status == 403); // of another case
    CHECK(preflight(s, "", "PUT").status == 400);
    CHECK(preflight(s, "https://b.example", "").status == 400);
    subject cosmos(service_mode::cosmos);
    CHECK(preflight(cosmos, "https://b.example", "PUT").status == 501);
}

TEST_CASE("the headers of a response say which pages may see it") {
    const temporary_directory there;
    {
        subject s(service_mode::storage, there.path());
        s.ask("POST", "/Tables", R"({"TableName":"ttt"})");
        const auto plain = s.ask("GET", "/ttt", {}, {{"Origin", "https://a.example"}});
        CHECK(header(plain, "Access-Control-Allow-Origin") == "none");
        CHECK(header(plain, "Vary") == "none");
        REQUIRE(set(s, tag("Cors", rule("https://a.example", "GET", "", "x-ms-version,X-Ms-Req*")
                                       + rule("*", "PUT", "", "*")))
                == 202);
    }
    subject s(service_mode::storage, there.path()); // also after a restart
    const auto ask = [&](const char* method, const char* origin) {
        headers sent;
        if (*origin) sent.emplace_back("Origin", origin);
        return s.ask(method, "/ttt(PartitionKey='p',RowKey='r')", "{}", std::move(sent));
    };
    const reply exact = ask("GET", "https://a.example");
    CHECK(header(exact, "Access-Control-Allow-Origin") == "https://a.example");
    CHECK(header(exact, "Access-Control-Allow-Credentials") == "true");
    CHECK(header(exact, "Access-Control-Expose-Headers") == "x-ms-request-id,x-ms-version");
    CHECK(header(exact, "Vary") == "Origin");
    const reply any = ask("PUT", "https://b.example");
    CHECK(any.status == 204);
    CHECK(header(any, "Access-Control-Allow-Origin") == "*");
    CHECK(header(any, "Access-Control-Allow-Credentials") == "none");
    CHECK(header(any, "Access-Control-Expose-Headers").find("ETag") != std::string::npos);
    CHECK(header(any, "Vary") == "none");
    const reply none = ask("GET", "https://b.example");
    CHECK(header(none, "Access-Control-Allow-Origin") == "none");
    CHECK(header(none, "Vary") == "Origin");
    CHECK(header(ask("GET", ""), "Vary") == "Origin");
}

TEST_CASE("the response to a read may be kept for a page that asks later") {
    subject s;
    REQUIRE(set(s, tag("Cors",
                       rule("https://a.example", "GET,HEAD,PUT", "", "*") + rule("*", "GET,PUT", "", "*")))
            == 202);
    s.ask("POST", "/Tables", R"({"TableName":"ttt"})");
    REQUIRE(s.put("ttt", "p", "r") == 204);
    const std::string entity = "/ttt(PartitionKey='p',RowKey='r')";
    const reply read = s.ask("GET", entity, {}, {{"x-ms-client-request-id", "c"}});
    CHECK(header(read, "Access-Control-Allow-Origin") == "*");
    CHECK(header(read, "Access-Control-Expose-Headers")
          == "x-ms-request-id,x-ms-client-request-id,Server,x-ms-version,X-Content-Type-Options,Cache-"
             "Control,ETag,"
             "Content-Type,Content-Length,Date,Transfer-Encoding");
    CHECK(header(read, "Access-Control-Allow-Credentials") == "none");
    CHECK(header(read, "Vary") == "none");
    CHECK(header(s.ask("GET", "/ttt?comp=acl"), "Access-Control-Expose-Headers")
          == "x-ms-request-id,Server,x-ms-version,Content-Length,Date,Transfer-Encoding");
    CHECK(header(s.ask("PUT", entity, "{}"), "Access-Control-Allow-Origin") == "none");
    const reply missing = s.ask("GET", "/none", {}, {{"Origin", "https://b.example"}});
    CHECK(missing.status == 404);
    CHECK(header(missing, "Access-Control-Allow-Origin") == "*");

    // A rule for every origin, but for no reads, is no rule for them.
    REQUIRE(set(s, tag("Cors", rule("*", "PUT"))) == 202);
    for (const headers& sent : {headers(), headers{{"Origin", "https://a.example"}}}) {
        const reply other = s.ask("GET", entity, {}, sent);
        CHECK(header(other, "Access-Control-Allow-Origin") == "none");
        CHECK(header(other, "Vary") == "Origin");
    }
}
