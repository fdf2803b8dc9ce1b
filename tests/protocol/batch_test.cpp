#include "protocol/batch.hpp"
#include "support/http_server.hpp"
#include "support/run.hpp"

#include <azkv/error.hpp>

#include <boost/algorithm/string/replace.hpp>
#include <doctest/doctest.h>

using namespace azkv;
using namespace azkv::protocol;

namespace {

std::string part(const std::string& answer) {
    return "--changesetresponse_1\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: "
           "binary\r\n\r\n"
           + answer + "\r\n";
}

std::string success() {
    return part("HTTP/1.1 204 No Content\r\nETag: W/\"x\"\r\n\r\n");
}

std::string failure(unsigned status, const std::string& code, const std::string& message) {
    return part("HTTP/1.1 " + std::to_string(status)
                + " Failed\r\nContent-ID: 3\r\nContent-Type: application/json;odata=minimalmetadata\r\n\r\n"
                + test::error_body(code, message));
}

response answer(const std::string& parts) {
    response r;
    r.status = 202;
    r.request_id = "id";
    r.body = "--batchresponse_1\r\nContent-Type: multipart/mixed; boundary=changesetresponse_1\r\n\r\n"
             + parts + "--changesetresponse_1--\r\n--batchresponse_1--\r\n";
    return r;
}

} // namespace

TEST_CASE("the body of a batch") {
    const endpoint at = parse_endpoint("http://127.0.0.1:10002/acct");
    batch_builder batch(at, "ID");
    const std::size_t none = batch.size();
    const std::size_t one =
        none + batch.operation_size(sizeof "/T(PartitionKey='p',RowKey='r'){\"v\":1}" - 1);
    batch.add("/T(PartitionKey='p',RowKey='r')", R"({"v":1})");
    CHECK(batch.size() == one);
    const std::size_t two = one + batch.operation_size(sizeof "/T(PartitionKey='p',RowKey='s'){\"v\":2}" - 1);
    batch.reserve(two);
    batch.add("/T(PartitionKey='p',RowKey='s')", R"({"v":2})");
    const request r = batch.release();
    CHECK(r.method == "POST");
    CHECK(r.path == "/$batch");
    CHECK(r.content_type == "multipart/mixed; boundary=batch_ID");
    CHECK(r.batch_size == 2);
    CHECK(r.body.size() == two);
    const std::string expected = "--batch_ID\r\n"
                                 "Content-Type: multipart/mixed; boundary=changeset_ID\r\n"
                                 "\r\n"
                                 "--changeset_ID\r\n"
                                 "Content-Type: application/http\r\n"
                                 "Content-Transfer-Encoding: binary\r\n"
                                 "\r\n"
                                 "PUT http://127.0.0.1:10002/acct/T(PartitionKey='p',RowKey='r') HTTP/1.1\r\n"
                                 "Content-Type: application/json\r\n"
                                 "Accept: application/json;odata=minimalmetadata\r\n"
                                 "DataServiceVersion: 3.0\r\n"
                                 "\r\n"
                                 "{\"v\":1}\r\n"
                                 "--changeset_ID\r\n"
                                 "Content-Type: application/http\r\n"
                                 "Content-Transfer-Encoding: binary\r\n"
                                 "\r\n"
                                 "PUT http://127.0.0.1:10002/acct/T(PartitionKey='p',RowKey='s') HTTP/1.1\r\n"
                                 "Content-Type: application/json\r\n"
                                 "Accept: application/json;odata=minimalmetadata\r\n"
                                 "DataServiceVersion: 3.0\r\n"
                                 "\r\n"
                                 "{\"v\":2}\r\n"
                                 "--changeset_ID--\r\n"
                                 "--batch_ID--\r\n";
    CHECK(r.body == expected);
}

TEST_CASE("success requires a response for every operation") {
    CHECK(unwrap_batch(answer(success() + success()), 2).status == 202);
    CHECK(test::failure_of([] { unwrap_batch(answer(success()), 2); }).code() == errc::bad_response);
    CHECK(test::failure_of([] { unwrap_batch(answer(""), 1); }).code() == errc::bad_response);
    for (const std::string status :
         {"200", "201", "202", "205", "226", "301", "304", "100", "0", "600", "x", ""}) {
        CAPTURE(status);
        for (const std::size_t n : {1, 2}) {
            const response odd =
                answer(part("HTTP/1.1 " + status + " x\r\n\r\n{}") + (n == 2 ? success() : ""));
            CHECK(test::failure_of([&] { unwrap_batch(odd, n); }).code() == errc::bad_response);
        }
    }
    CHECK(test::failure_of([] { unwrap_batch(answer(success() + failure(409, "X", "1:m")), 2); }).code()
          == errc::bad_response);
}

TEST_CASE("a failed operation becomes the response") {
    const response r = unwrap_batch(answer(failure(409, "EntityAlreadyExists", "3:There it is.")), 5);
    CHECK(r.status == 409);
    CHECK(r.failed_operation == 3);
    CHECK(r.request_id == "id");
    CHECK(r.body == test::error_body("EntityAlreadyExists", "3:There it is."));
    // The service leaves the index out for the first operation.
    CHECK(unwrap_batch(answer(failure(400, "X", "No index: none")), 5).failed_operation == 0);
    CHECK(unwrap_batch(answer(failure(429, "TooManyRequests", "0:busy")), 1).status == 429);
    CHECK_FALSE(
        unwrap_batch(answer(failure(429, "X", "No index")), 5).failed_operation); // blames no operation
    CHECK_FALSE(unwrap_batch(answer(failure(503, "X", "No index")), 5).failed_operation);
    CHECK_FALSE(unwrap_batch(answer(failure(400, "X", "99:m")), 5).failed_operation);
    CHECK(unwrap_batch(answer(failure(400, "X", "18446744073709551616:m")), 5).failed_operation == 0);
}

TEST_CASE("the headers of a part are kept") {
    const response r = unwrap_batch(answer(part("HTTP/1.1 429 x\r\nx-ms-retry-after-ms: "
                                                "7000\r\nRetry-After:7\r\nx-ms-error-code: Busy\r\n\r\n{}")),
                                    2);
    CHECK(r.status == 429);
    CHECK(r.retry_after_ms == "7000");
    CHECK(r.retry_after == "7");
    CHECK(r.error_code == "Busy");
    response dated = answer(part("HTTP/1.1 503 x\r\n\r\n{}")); // Date is the envelope's
    dated.date = "Fri, 02 Jan 2026 03:04:05 GMT";
    CHECK(unwrap_batch(dated, 2).date == dated.date);
}

TEST_CASE("line ends of any kind") {
    response bare = answer(success() + success());
    boost::algorithm::replace_all(bare.body, "\r\n", "\n");
    CHECK(unwrap_batch(bare, 2).status == 202);
    response mixed = answer(failure(412, "X", "1:m")); // as Cosmos DB sends it
    boost::algorithm::replace_all(mixed.body, "changesetresponse_1\r\n", "changesetresponse_1\n");
    boost::algorithm::replace_all(mixed.body, "binary\r\n\r\n", "binary\n\n");
    CHECK(unwrap_batch(mixed, 2).failed_operation == 1);
    response cut = answer(success());
    cut.body.resize(cut.body.size() - 30); // without its last boundary
    CHECK(unwrap_batch(cut, 1).status == 202);
}

TEST_CASE("what looks like a part within a part is not one") {
    std::string many; // a part for each, with everything after it, would be 20 GB
    for (int i = 0; i < 60'000; ++i) many += "HTTP/1.1 \n\n";
    const response r = unwrap_batch(answer(part("HTTP/1.1 400 Bad Request\r\n\r\n" + many)), 2);
    CHECK(r.status == 400);
    CHECK(r.body == many);
    // Cosmos DB's successes end with the headers; the boundary follows at once.
    std::string close = success() + success();
    boost::algorithm::replace_all(close, "\r\n\r\n\r\n", "\r\n\r\n");
    CHECK(unwrap_batch(answer(close), 2).status == 202);
    CHECK(unwrap_batch(answer(part("HTTP/1.1 503 Busy\r\n") + part("")), 2).body.empty());
}

TEST_CASE("an envelope that was rejected is an ordinary response") {
    response r;
    r.status = 413;
    r.body = test::error_body("RequestBodyTooLarge");
    CHECK(unwrap_batch(r, 3).status == 413);
    CHECK_FALSE(unwrap_batch(r, 3).failed_operation); // not the first: nothing says so
    r.status = 400;                                   // as Cosmos DB does it
    r.body = test::error_body(
        "InvalidDuplicateRow",
        "3:The batch request contains multiple changes with same row key.\\r\\nActivityId: 1");
    CHECK(unwrap_batch(r, 5).failed_operation == 3);
    CHECK_FALSE(unwrap_batch(r, 3).failed_operation);
    r.body = "3:no words of the service";
    CHECK_FALSE(unwrap_batch(r, 5).failed_operation);
}
