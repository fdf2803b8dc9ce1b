#include "support/base64.hpp"

#include <doctest/doctest.h>

using namespace azkv::identity;

TEST_CASE("base64, as RFC 4648 has it") {
    CHECK(to_base64("") == "");
    CHECK(to_base64("f") == "Zg==");
    CHECK(to_base64("fo") == "Zm8=");
    CHECK(to_base64("foo") == "Zm9v");
    CHECK(to_base64("foob") == "Zm9vYg==");
    CHECK(to_base64("\xFB\xFF\xBF") == "+/+/");
    CHECK(to_base64url("\xFB\xFF\xBF") == "-_-_");
    CHECK(to_base64url("f") == "Zg");
    CHECK(to_base64url("fo") == "Zm8");
}

TEST_CASE("base64 is read in either alphabet, padded or not") {
    for (const char* text : {"", "f", "fo", "foo", "foob", "\xFB\xFF\xBF", "\xFF\xFE"}) {
        CHECK(from_base64(to_base64(text)) == text);
        CHECK(from_base64(to_base64url(text)) == text);
    }
    const std::string zeros(4, '\0');
    CHECK(from_base64(to_base64(zeros)) == zeros);
    for (const std::string wrong :
         {"Z", "Zg=a", "Z g=", " Zg==", "Zg==\n", "Zm9v*", "=", "===", "Zg===", "Zg=", "====", "Zm9vZ"}) {
        CAPTURE(wrong);
        CHECK_FALSE(from_base64(wrong));
    }
}
