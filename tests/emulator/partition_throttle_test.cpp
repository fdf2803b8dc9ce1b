#include "emulator/partition_throttle.hpp"

#include <doctest/doctest.h>

#include <string>
#include <utility>

using namespace azkv;
using namespace azkv::emulation;
using namespace std::chrono_literals;

namespace {

constexpr partition_throttle::time_point noon{12h};

request request_to(std::string method, std::string target, std::string body = {}) {
    request r;
    r.method = std::move(method);
    r.target = std::move(target);
    r.headers = {{"Host", "127.0.0.1:10002"}, {"Content-Type", "multipart/mixed; boundary=b"}};
    r.body = std::move(body);
    return r;
}

std::string batch_of(const std::string& url, int operations) {
    std::string body = "--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n";
    for (int i = 0; i < operations; ++i)
        body += "--c\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\nPUT " + url
                + "/T(PartitionKey='p',RowKey='" + std::to_string(i)
                + "') HTTP/1.1\r\nContent-Type: application/json\r\n\r\n{}\r\n";
    return body + "--c--\r\n--b--\r\n";
}

// The partition and the number of entities: `T/p 1`; a star behind it for a query.
std::string charge_of(const request& r, service_mode mode = service_mode::storage) {
    auto charge = read_charge(r, "acct", mode);
    if (!charge) return "none";
    for (char& c : charge->partition)
        if (c == '\0') c = '/';
    return charge->partition + " " + std::to_string(charge->entities) + (charge->is_query ? "*" : "");
}

} // namespace

TEST_CASE("a bucket has a burst and then what it gains") {
    partition_throttle limit(10, 20);
    for (int i = 0; i < 20; ++i) CHECK_FALSE(limit.take("p", 1, noon));
    CHECK(limit.take("p", 1, noon) == 100ms);
    CHECK(limit.take("p", 1, noon + 60ms) == 40ms);
    CHECK_FALSE(limit.take("other", 20, noon));
    CHECK_FALSE(limit.take("p", 1, noon + 100ms));
    CHECK(limit.take("p", 5, noon + 100ms) == 500ms);
    CHECK_FALSE(limit.take("p", 5, noon + 600ms));
    CHECK_FALSE(limit.take("p", 20, noon + 1h)); // not more than the burst has gathered
    CHECK(limit.take("p", 1, noon + 1h) == 100ms);
    CHECK(limit.take("p", 1, noon) == 100ms); // the clock may not go backwards, but nothing breaks
}

TEST_CASE("a batch larger than the burst waits for a full bucket and leaves a debt") {
    partition_throttle limit(100, 10);
    CHECK_FALSE(limit.take("p", 100, noon));
    CHECK(limit.take("p", 1, noon) == 910ms);
    CHECK(limit.take("p", 100, noon + 950ms) == 50ms);
    CHECK_FALSE(limit.take("p", 100, noon + 1s));
}

TEST_CASE("the rows of a query are a debt") {
    partition_throttle limit(1000, 10);
    CHECK_FALSE(limit.take("p", 1, noon));
    limit.charge("p", 999, noon);
    CHECK(limit.take("p", 1, noon) == 991ms);
    CHECK_FALSE(limit.take("p", 1, noon + 991ms));
}

TEST_CASE("full buckets are forgotten") {
    partition_throttle limit(1, 1);
    for (int i = 0; i < 10'000; ++i) CHECK_FALSE(limit.take("p" + std::to_string(i), 1, noon + i * 10ms));
    CHECK(limit.size() < 3'000); // 100 are not full
    CHECK(limit.take("p9999", 1, noon + 9'999 * 10ms));
}

TEST_CASE("what a request needs from its partition") {
    const std::string entity = "/acct/T(PartitionKey='p',RowKey='r')";
    for (const char* method : {"GET", "PUT", "MERGE", "PATCH", "DELETE", "POST"})
        CHECK(charge_of(request_to(method, entity)) == "acct/t/p 1");
    CHECK(charge_of(request_to("OPTIONS", entity)) == "none"); // a browser's question
    CHECK(charge_of(request_to("POST", "/acct/T", R"({"PartitionKey":"q","RowKey":"r"})")) == "acct/t/q 1");
    CHECK(charge_of(request_to("POST", "/acct/T", "{}")) == "none");
    CHECK(charge_of(request_to("POST", "/acct/T", "{")) == "none");

    CHECK(charge_of(request_to("GET", "/acct/T()?$filter=PartitionKey%20eq%20'p'%20and%20a%20gt%201"))
          == "acct/t/p 1*");
    CHECK(charge_of(request_to("GET", "/acct/T()?$filter=PartitionKey%20ge%20'p'")) == "none");
    CHECK(charge_of(request_to("GET", "/acct/T()?$filter=nonsense")) == "none");
    CHECK(charge_of(request_to("GET", "/acct/T()")) == "none");
    CHECK(charge_of(request_to("GET", "/acct/T?comp=acl")) == "none");
    CHECK(charge_of(request_to("GET", "/acct/Tables('T')")) == "none");
    CHECK(charge_of(request_to("GET", "/other/T()")) == "none");

    CHECK(charge_of(request_to("POST", "/acct/$batch", batch_of("http://127.0.0.1:10002/acct", 7)))
          == "acct/t/p 7");
    CHECK(charge_of(request_to("POST", "/acct/$batch", batch_of("/acct", 100))) == "acct/t/p 100");
    CHECK(charge_of(request_to("POST", "/acct/$batch", batch_of("http://h/other", 1))) == "none");
    CHECK(charge_of(request_to("POST", "/acct/$batch", "--b--")) == "none");

    // Cosmos DB tells table names by case.
    CHECK(charge_of(request_to("GET", "/T(PartitionKey='p',RowKey='r')"), service_mode::cosmos)
          == "acct/T/p 1");
}
