#include "support/base64.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace azkv::support;
using namespace std::string_literals;

TEST_CASE("base64 is encoded as RFC 4648 specifies") {
    CHECK(encode_base64("") == "");
    CHECK(encode_base64("f") == "Zg==");
    CHECK(encode_base64("fo") == "Zm8=");
    CHECK(encode_base64("foo") == "Zm9v");
    CHECK(encode_base64("foob") == "Zm9vYg==");
    CHECK(encode_base64("\xFB\xFF\xBF") == "+/+/");
    CHECK(encode_base64("\xFB\xFF\xFE") == "+//+");
    CHECK(encode_base64url("\xFB\xFF\xBF") == "-_-_");
    CHECK(encode_base64url("f") == "Zg");
    CHECK(encode_base64url("fo") == "Zm8");
}

TEST_CASE("the strict decoder reads only what the encoder writes") {
    CHECK(decode_base64("") == "");
    std::string bytes;
    for (int i = 0; i < 1000; ++i) {
        CHECK(decode_base64(encode_base64(bytes)) == bytes);
        bytes.push_back(static_cast<char>(i * 7));
    }
    for (const char* text :
         {"Z",    "Zg",       "Zg=",      "Zm8",  "Zg===", "=",        "==",     "====",         "A===",
          "=AAA", "A=AA",     "Zg==Zg==", "Zm=v", " Zm9v", "Zm9v ",    "Zm9v\n", "Zm9v\r\n\r\n", "Zm\n9v",
          "    ", "\n\n\n\n", "Zh==",     "Zm9=", "-__-",  "Zm9v----", "----",   "Zm9*",         "Zm9\xC3"}) {
        CAPTURE(text);
        CHECK(!decode_base64(text));
    }
    CHECK(!decode_base64("Zm9\0"s));
}

TEST_CASE("the lenient decoder reads either alphabet with or without padding") {
    for (const char* text : {"", "f", "fo", "foo", "foob", "\xFB\xFF\xBF", "\xFF\xFE"}) {
        CHECK(decode_base64_lenient(encode_base64(text)) == text);
        CHECK(decode_base64_lenient(encode_base64url(text)) == text);
    }
    const std::string zeros(4, '\0');
    CHECK(decode_base64_lenient(encode_base64(zeros)) == zeros);
    for (const std::string wrong :
         {"Z", "Zg=a", "Z g=", " Zg==", "Zg==\n", "Zm9v*", "=", "===", "Zg===", "Zg=", "====", "Zm9vZ"}) {
        CAPTURE(wrong);
        CHECK_FALSE(decode_base64_lenient(wrong));
    }
}
