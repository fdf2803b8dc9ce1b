#include "support/test_secrets.hpp"
#include "support/wipe.hpp"

#include <azkv/secret.hpp>
#include <azkv/token_credential.hpp>

#include <doctest/doctest.h>

#include <cstring>
#include <iostream>
#include <memory>
#include <memory_resource>
#include <sstream>
#include <type_traits>

using namespace azkv;
using namespace azkv::test;

namespace {

template <class T>
concept streamable = requires(std::ostream& out, const T& t) {
    out << t;
};

template <class T>
concept shown = requires(const T& t) {
    static_cast<std::string>(t);
};

} // namespace

TEST_CASE("only reveal() shows a secret") {
    static_assert(!streamable<secret>);
    static_assert(!streamable<access_token>);
    static_assert(!std::is_convertible_v<secret, std::string>);
    static_assert(!std::is_convertible_v<secret, std::string_view>);
    static_assert(!shown<secret>);
    const secret s(secrets::token);
    CHECK(to_string(s) == "***");
    const bool same = s.reveal() == secrets::token;
    CHECK(same);
    CHECK_FALSE(s.empty());
}

TEST_CASE("an empty secret") {
    CHECK(secret().empty());
    CHECK(secret("").empty());
    CHECK(secret().reveal() == "");
    CHECK(to_string(secret()) == "***");
    const bool same = secret() == secret("");
    CHECK(same);
}

TEST_CASE("secrets are compared and copied and moved") {
    const secret a(secrets::token), b(secrets::token), c(secrets::token + "x"), d("x");
    const bool equal = a == b;
    CHECK(equal);
    const bool longer = a == c, other = a == d, none = a == secret();
    CHECK_FALSE(longer);
    CHECK_FALSE(other);
    CHECK_FALSE(none);
    secret copy = a;
    CHECK(copy.reveal().data() == a.reveal().data()); // one text, to be wiped once
    const secret moved = std::move(copy);
    const bool kept = moved == a;
    CHECK(kept);
}

TEST_CASE("a wiped string is empty and so is one that became a secret") {
    for (const std::size_t size : {std::size_t{5}, std::size_t{500}}) {
        std::string text(size, 'x');
        text.resize(size - 3);
        wipe(text);
        CHECK(text.empty());
        text.resize(text.capacity());
        CHECK(text.find('x') == text.npos);
    }
    std::string brief = "xxxxx"; // within the string object itself
    const secret s(std::move(brief));
    CHECK(std::memchr(brief.data(), 'x', 5) == nullptr); // NOLINT: what is left of it is the question
}

TEST_CASE("tokens and token requests are checked") {
    const auto any = std::chrono::system_clock::now();
    CHECK_THROWS(access_token(secret(), any));
    CHECK_THROWS(access_token(secret("a b"), any));
    CHECK_THROWS(access_token(secret("a\r\nb"), any));
    CHECK_THROWS(token_request(""));
    CHECK_THROWS(token_request("-x"));
    CHECK_THROWS(token_request("x;y"));
    CHECK_THROWS(token_request("x").tenant("a/b"));
    CHECK_THROWS(token_request("x").tenant("-a"));
    CHECK(token_request("x").tenant("contoso.onmicrosoft.com").tenant() == "contoso.onmicrosoft.com");
    CHECK(token_request("https://a.example/.default").resource() == "https://a.example");
    CHECK(token_request("https://a.example/read").resource() == "https://a.example/read");
}
