#include "identity/tokens/shared_key.hpp"
#include "support/run.hpp"
#include "support/signing_vectors.hpp"

#include <azkv/error.hpp>

#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <doctest/doctest.h>

using namespace azkv;
using namespace azkv::identity;
namespace json = boost::json;

namespace {

std::string header(const json::object& vector, const char* name) {
    const auto* text = vector.at("headers").as_object().if_contains(name);
    return text ? std::string(text->as_string()) : std::string();
}

} // namespace

TEST_CASE("every Shared Key vector is signed as Microsoft's own clients sign it") {
    const json::object data = test::signing_vectors();
    const std::string key(data.at("key_base64").as_string());
    int checked = 0;
    for (const json::value& item : data.at("vectors").as_array()) {
        const json::object& v = item.as_object();
        const std::string scheme(v.at("scheme").as_string());
        if (!scheme.starts_with("SharedKey")) continue;
        CAPTURE(v.at("id").as_string().c_str());
        const std::string account(v.at("account").as_string());
        const std::string date = header(v, "x-ms-date");
        const std::string address(v.at("url").as_string());
        const boost::urls::url_view url = boost::urls::parse_uri(address).value();
        std::string target(url.encoded_path());
        if (url.has_query()) target += '?' + std::string(url.encoded_query());

        const bool lite = scheme == "SharedKeyLite";
        const std::string content_md5 = header(v, "Content-MD5"), content_type = header(v, "Content-Type");
        shared_key_input input;
        input.request.method = v.at("method").as_string();
        input.request.content_type = content_type;
        input.request.target = target;
        input.content_md5 = content_md5;
        input.date = date;
        input.account = account;
        const std::string text =
            string_to_sign(lite ? shared_key_scheme::lite : shared_key_scheme::full, input);
        const std::string expected(v.at("string_to_sign").as_string());
        const std::string signature(v.at("signature").as_string());
        if (v.contains("expect")) { // another client gets it wrong
            CHECK(text != expected);
            CHECK(hmac_sha256(key).sign(expected) == signature);
        } else {
            CHECK(text == expected);
            CHECK(hmac_sha256(key).sign(text) == signature);
            CHECK(v.at("authorization").as_string() == scheme + ' ' + account + ':' + signature);
        }
        ++checked;
    }
    CHECK(checked == 29);
}

TEST_CASE("comp is signed but nothing else of a query") {
    const auto resource = [](std::string_view target) {
        shared_key_input input;
        input.request.target = target;
        input.date = "d";
        input.account = "acct";
        const std::string text = string_to_sign(shared_key_scheme::lite, input);
        return text.substr(text.find('\n') + 1);
    };
    CHECK(resource("/T?a=1&comp=acl&b=2") == "/acct/T?comp=acl");
    CHECK(resource("/T?xcomp=acl") == "/acct/T");
    CHECK(resource("/T?") == "/acct/T");
    CHECK(resource("/T#?comp=acl") == "/acct/T");
    CHECK(resource("/T?#comp=acl")
          == "/acct/T"); // caused older versions of Boost.URL to read beyond the text
}

TEST_CASE("the headers of a request") {
    const json::object data = test::signing_vectors();
    const shared_key credential("devstoreaccount1", data.at("key_base64").as_string());
    signing_input input;
    input.method = "GET";
    input.target = "/devstoreaccount1/Vectors1(PartitionKey='p1',RowKey='r1')";
    const auto at = std::chrono::system_clock::from_time_t(1767323045); // 2026-01-02T03:04:05Z
    std::string head = "GET / HTTP/1.1\r\n";
    for (int i = 0; i < 2; ++i) { // the second time from the cache
        head = "GET / HTTP/1.1\r\n";
        credential.append_headers(head, input, at);
        CHECK(head
              == "GET / HTTP/1.1\r\nx-ms-date: Fri, 02 Jan 2026 03:04:05 GMT\r\nAuthorization: SharedKey "
                 "devstoreaccount1:mAt91YM0Z70kwqF4faNMFspxlhcPwB4kKArC4ZUbDeE=\r\n");
    }
    std::string later;
    credential.append_headers(later, input, at + std::chrono::seconds(1));
    CHECK(test::contains(later, "03:04:06 GMT"));
    CHECK_FALSE(test::contains(later, "mAt91YM0Z70"));
}

TEST_CASE("an invalid key is rejected and not repeated") {
    for (const char* key : {"", "abc", "not base64!!", "====", "c2VjcmV0c2VjcmV0*A=="}) {
        CAPTURE(key);
        const error e = test::failure_of([&] { shared_key("acct", key); });
        CHECK(e.code() == errc::invalid_argument);
        if (*key) CHECK_FALSE(test::contains(e.what(), key));
    }
    CHECK_THROWS_AS(shared_key("", "c2VjcmV0"), error);
    CHECK_THROWS_AS(shared_key("a\r\nEvil: 1", "c2VjcmV0"), error);
}
