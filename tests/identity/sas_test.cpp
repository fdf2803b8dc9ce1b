#include "identity/sas.hpp"
#include "support/run.hpp"

#include <azkv/error.hpp>

#include <doctest/doctest.h>

using namespace azkv;
using identity::shared_access_signature;

TEST_CASE("a signature is kept byte for byte, but for a leading question mark") {
    CHECK(shared_access_signature("sv=2019-02-02&sig=a%2Bb%2f/c%3D").query()
          == "sv=2019-02-02&sig=a%2Bb%2f/c%3D");
    CHECK(shared_access_signature("?sig=x&sv=1").query() == "sig=x&sv=1");
    std::string head;
    shared_access_signature("sig=x").append_headers(head, {}, {});
    CHECK(head.empty());
}

TEST_CASE("what is no signature is refused without being repeated") {
    for (const char* token : {"", "?", "sv=1&se=2", "sig=a b", "sig=a\r\nEvil: 1", "sig=%zz", "sig=a#b"}) {
        CAPTURE(token);
        const error e = test::failure_of([&] { shared_access_signature{token}; });
        CHECK(e.code() == errc::invalid_argument);
        if (std::string_view(token).size() > 1) CHECK_FALSE(test::contains(e.what(), token));
    }
}
