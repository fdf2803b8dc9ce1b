#include "emulator/request_log.hpp"

#include <doctest/doctest.h>

using namespace azkv;
using namespace azkv::emulation;
using namespace std::chrono_literals;

TEST_CASE("a line of the log") {
    request asked;
    asked.method = "GET";
    asked.target = "/acct/T()?$top=1";
    asked.headers = {{"Authorization", "SharedKey acct:c2VjcmV0"}};
    asked.body = "text";
    log_entry e;
    e.time = std::chrono::system_clock::time_point(1'000'000'000'678'900us);
    e.address = "127.0.0.1";
    e.asked = &asked;
    e.status = 200;
    e.took = 12'345us;
    CHECK(write_line(e) == "2001-09-09T01:46:40.678Z 127.0.0.1 GET /acct/T()?$top=1 200 12.34ms");
    e.status = 0;
    e.took = 5us;
    e.fault = fault_kind::reset;
    CHECK(write_line(e) == "2001-09-09T01:46:40.678Z 127.0.0.1 GET /acct/T()?$top=1 - 0.00ms reset");
    e.fault = fault_kind::partition_throttle;
    CHECK(write_line(e).ends_with(" - 0.00ms partition_throttle"));
    e.asked = nullptr;
    e.fault = fault_kind::cut_request;
    CHECK(write_line(e) == "2001-09-09T01:46:40.678Z 127.0.0.1 - - - 0.00ms cut_request");
}

TEST_CASE("the log has no secrets") {
    CHECK(safe_target("/acct/T(PartitionKey='p%20q',RowKey='r')")
          == "/acct/T(PartitionKey='p%20q',RowKey='r')");
    CHECK(safe_target("/acct/T()?$filter=a%20eq%201&$select=a,b&NextPartitionKey=1!4!cA--&NextRowKey=x")
          == "/acct/T()?$filter=a%20eq%201&$select=a,b&NextPartitionKey=1!4!cA--&NextRowKey=x");
    CHECK(safe_target("/acct/T()?sv=2019-02-02&tn=t&sig=c2VjcmV0%3D&$top=1&se=2099")
          == "/acct/T()?...&$top=1&...");
    // Another encoding of the name, and a signature without a name.
    CHECK(safe_target("/T?%73ig=c2VjcmV0") == "/T?...");
    CHECK(safe_target("/T?c2VjcmV0") == "/T?...");
    // A query behind a question mark that should not have been encoded.
    CHECK(safe_target("/T%3Fsig=c2VjcmV0&a=b") == "/T...");
    CHECK(safe_target("/T%3fsig=c2VjcmV0?$top=1") == "/T...?$top=1");
    // A signature behind no question mark.
    CHECK(safe_target("/T&sig=c2VjcmV0?$top=1") == "/T...?$top=1");
    CHECK(safe_target("/Tsv=2019-02-02&sig=c2VjcmV0") == "/T...");
    CHECK(safe_target("/Tsig=c2VjcmV0") == "/T...");
    CHECK(safe_target("/T?%24top=1&SIG=c2VjcmV0") == "/T?%24top=1&...");
    CHECK(safe_target("/T?") == "/T?...");
    CHECK(safe_target("/T?&&comp=acl&") == "/T?...&comp=acl&...");
    // One line, whatever the client sends.
    CHECK(safe_target("/T\r\n?comp=\x1B[2J\xC3\xA4") == "/T%0D%0A?comp=%1B[2J%C3%A4");
}
