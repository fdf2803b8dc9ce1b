#include "protocol/trace_context.hpp"
#include "support/run.hpp"

#include <azkv/error.hpp>

#include <doctest/doctest.h>

using namespace azkv;
using namespace azkv::protocol;
using test::failure_of;

namespace {

const std::string parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

} // namespace

TEST_CASE("a trace becomes headers") {
    CHECK(trace_headers(parent, "") == "traceparent: " + parent + "\r\n");
    CHECK(trace_headers(parent, "a=1,b=2") == "traceparent: " + parent + "\r\ntracestate: a=1,b=2\r\n");
    const std::string later = "cc" + parent.substr(2);
    CHECK(trace_headers(later, "") == "traceparent: " + later + "\r\n");
    CHECK(trace_headers(later + "-more", "") == "traceparent: " + later + "-more\r\n");
}

TEST_CASE("an invalid trace is rejected and adds no header") {
    const std::string zero_trace = "00-00000000000000000000000000000000-b7ad6b7169203331-01";
    const std::string zero_span = "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01";
    for (const std::string& text :
         {std::string(), parent.substr(1), parent + "-more", "ff" + parent.substr(2), zero_trace, zero_span,
          "cc" + parent.substr(2) + "more", "cc" + parent.substr(2) + "-\r\nx-evil: 1",
          std::string("00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01"),
          std::string("00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")}) {
        CAPTURE(text);
        CHECK(failure_of([&] { trace_headers(text, ""); }).code() == errc::invalid_argument);
    }
    const std::string longer = "cc" + parent.substr(2) + '-' + std::string(300, 'a');
    CHECK(failure_of([&] { trace_headers(longer, ""); }).code() == errc::invalid_argument);
    for (const std::string& state :
         {std::string("a=1\r\nx-evil: 1"), std::string(2049, 'a'), std::string("\xC3\xA9")})
        CHECK(trace_headers(parent, state) == "traceparent: " + parent + "\r\n");
}
