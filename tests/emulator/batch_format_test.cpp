#include "emulator/batch_format.hpp"
#include "emulator/failure.hpp"
#include "protocol/batch.hpp"

#include <boost/algorithm/string/replace.hpp>
#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace azkv;
using namespace azkv::emulation;

namespace {

constexpr const char* type = "multipart/mixed; boundary=batch_1";

std::string operation(const std::string& request) {
    return "--changeset_1\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n"
           + request + "\r\n";
}

std::string put(const std::string& url, const std::string& body, const std::string& more_headers = "") {
    return operation("PUT " + url + " HTTP/1.1\r\nContent-Type: application/json\r\n" + more_headers + "\r\n"
                     + body);
}

std::string changeset(const std::string& operations) {
    return "--batch_1\r\nContent-Type: multipart/mixed; boundary=changeset_1\r\n\r\n" + operations
           + "--changeset_1--\r\n";
}

std::string query(const std::string& request) {
    return "--batch_1\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n"
           + request + "\r\n";
}

std::string batch(const std::string& parts) {
    return parts + "--batch_1--\r\n";
}

batch_request parse(const std::string& body) {
    return parse_batch(type, body);
}

bool refused(const std::string& body, const std::string& content_type = type) {
    try {
        parse_batch(content_type, body);
    } catch (const failure& e) {
        CHECK(e.status() == 400);
        CHECK(std::string_view(e.code()) == "InvalidInput");
        return true;
    }
    return false;
}

std::string with_bare_line_feeds(std::string text) {
    boost::algorithm::replace_all(text, "\r\n", "\n");
    return text;
}

reply answer(unsigned status, headers h = {}, std::string body = "") {
    reply a;
    a.status = status;
    a.headers = std::move(h);
    a.body = std::move(body);
    return a;
}

} // namespace

TEST_CASE("emulator batch: header names are case-insensitive") {
    const headers all{{"If-Match", "*"}, {"prefer", "return-no-content"}, {"IF-MATCH", "second"}};
    CHECK(*find_header(all, "if-match") == "*");
    CHECK(*find_header(all, "Prefer") == "return-no-content");
    CHECK(find_header(all, "Accept") == nullptr);
}

TEST_CASE("emulator batch: the operations of a changeset") {
    const std::string body =
        batch(changeset(put("http://h/a/T(PartitionKey='p',RowKey='1')", R"({"v":1})", "If-Match:*\r\n")
                        + operation("DELETE http://h/a/T(PartitionKey='p',RowKey='2') HTTP/1.1\r\n"
                                    "if-match: \t W/\"x\" \t\r\n\r\n")));
    for (const std::string& text : {body, with_bare_line_feeds(body)}) {
        const batch_request b = parse(text);
        CHECK_FALSE(b.is_query);
        REQUIRE(b.operations.size() == 2);
        const auto& first = b.operations[0];
        CHECK(first.method == "PUT");
        CHECK(first.target == "http://h/a/T(PartitionKey='p',RowKey='1')");
        CHECK(first.headers == headers{{"Content-Type", "application/json"}, {"If-Match", "*"}});
        CHECK(first.body == R"({"v":1})");
        const auto& second = b.operations[1];
        CHECK(second.method == "DELETE");
        CHECK(second.headers == headers{{"if-match", "W/\"x\""}});
        CHECK(second.body.empty());
    }
}

TEST_CASE("emulator batch: what the client of this library sends") {
    protocol::batch_builder builder(protocol::parse_endpoint("http://127.0.0.1:10002/acct"), "ID");
    builder.add("/T(PartitionKey='p',RowKey='r')", R"({"v":"--changeset_ID"})");
    builder.add("/T(PartitionKey='p',RowKey='s')", R"({"v":2})");
    const protocol::request r = builder.release();
    const batch_request b = parse_batch(r.content_type, r.body);
    REQUIRE(b.operations.size() == 2);
    CHECK(b.operations[0].target == "http://127.0.0.1:10002/acct/T(PartitionKey='p',RowKey='r')");
    CHECK(b.operations[0].body == R"({"v":"--changeset_ID"})");
    CHECK(b.operations[1].header("dataserviceversion") == "3.0");
    CHECK(b.operations[1].body == R"({"v":2})");
}

TEST_CASE("emulator batch: what older clients send") {
    const batch_request b =
        parse_batch("Multipart/Mixed; Boundary=\"batch_7\"",
                    "--batch_7\ncontent-type: multipart/mixed;charset=\"utf-8\";boundary=changeset_7\n\n"
                    "--changeset_7\ncontent-type: application/http\ncontent-transfer-encoding: binary\n\n"
                    "MERGE http://127.0.0.1:11002/acct/T(PartitionKey=%27p%27, RowKey=%27r%27) HTTP/1.1\n"
                    "if-match: *\ncontent-length: 7\n\n{\"v\":1}\n"
                    "--changeset_7\ncontent-type: application/http; msgtype=request\n\n"
                    "POST http://127.0.0.1:11002/acct/T HTTP/1.1\n\n{\"v\":2}\n\n"
                    "--changeset_7--\n--batch_7\n");
    REQUIRE(b.operations.size() == 2);
    CHECK(b.operations[0].target == "http://127.0.0.1:11002/acct/T(PartitionKey=%27p%27, RowKey=%27r%27)");
    CHECK(b.operations[0].body == "{\"v\":1}");
    CHECK(b.operations[1].body == "{\"v\":2}\n"); // one line end belongs to the boundary
}

TEST_CASE("emulator batch: a query") {
    for (const char* end : {"\r\n\r\n", "\r\n", ""}) { // the boundary's line end may be the empty line
        const batch_request b =
            parse(batch(query("GET http://h/a/T() HTTP/1.1\r\nAccept: x" + std::string(end))));
        CHECK(b.is_query);
        REQUIRE(b.operations.size() == 1);
        CHECK(b.operations[0].method == "GET");
        CHECK(b.operations[0].target == "http://h/a/T()");
        CHECK(b.operations[0].headers == headers{{"Accept", "x"}});
    }
    const std::string get = "GET http://h/a/T() HTTP/1.1\r\n\r\n";
    CHECK(refused(batch(query(get) + query(get))));
    CHECK(refused(batch(query("DELETE http://h/a/T HTTP/1.1\r\n\r\n"))));
    CHECK(refused(batch(changeset(operation(get)))));
    CHECK(refused(batch(changeset(put("http://h/a/T", "{}") + operation(get)))));
    CHECK(refused(batch(query(get) + changeset(put("http://h/a/T", "{}")))));
}

TEST_CASE("emulator batch: one changeset") {
    const std::string one = changeset(put("http://h/a/T", "{}"));
    CHECK_FALSE(refused(batch(one)));
    CHECK(refused(batch(one + one)));
    CHECK(parse(batch(changeset(""))).operations.empty());
    CHECK(refused(batch("")));
    CHECK(refused(batch(changeset(changeset(put("http://h/a/T", "{}"))))));
    CHECK(refused(""));
    CHECK(refused("garbage"));
}

TEST_CASE("emulator batch: the number of operations is limited") {
    std::string many;
    for (int i = 0; i < 1000; ++i) many += put("http://h/a/T", "{}");
    CHECK(parse(batch(changeset(many))).operations.size() == 1000);
    CHECK(refused(batch(changeset(many + put("http://h/a/T", "{}")))));
    std::string lines;
    for (int i = 0; i < 99; ++i) lines += "A: b\r\n";
    CHECK(parse(batch(changeset(put("http://h/a/T", "{}", lines)))).operations[0].headers.size() == 100);
    CHECK(refused(batch(changeset(put("http://h/a/T", "{}", lines + "A: b\r\n")))));
}

TEST_CASE("emulator batch: the content type names the boundary") {
    const std::string one = changeset(put("http://h/a/T", "{}"));
    CHECK_FALSE(refused(batch(one), "multipart/mixed;charset=x; boundary=\"batch_1\""));
    for (const char* other :
         {"", "multipart/mixed", "multipart/mixed; boundary=", "multipart/mixed; boundary=\"\"",
          "multipart/mixed; boundary=batch_2", "multipart/mixed; boundary=batch_",
          "multipart/mixed; boundary=Batch_1", "multipart/form-data; boundary=batch_1", "application/json",
          "boundary=batch_1"}) {
        CAPTURE(other);
        CHECK(refused(batch(one), other));
    }
    std::string quoted = batch(one);
    boost::algorithm::replace_all(quoted, "batch_1", "a b\"c");
    CHECK_FALSE(refused(quoted, R"(multipart/mixed; boundary="a b\"c")"));
}

TEST_CASE("emulator batch: boundaries stand at the start of lines") {
    const std::string text =
        "{\"v\": \"--changeset_1\",\r\n \"w\":\n\n3,\r--changeset_1\r\n--changeset_12\r\n"
        "--changeset_1-\r\n--changeset_1 x\r\n--batch\r\n}";
    CHECK(parse(batch(changeset(put("http://h/a/T", text)))).operations[0].body == text);

    std::string padded = "preamble\r\n --batch_1\r\n\r\n" + batch(changeset(put("http://h/a/T", "{}")))
                         + "epilogue\r\n--batch_1\r\n";
    boost::algorithm::replace_all(padded, "--changeset_1\r\n", "--changeset_1 \t\r\n");
    boost::algorithm::replace_all(padded, "--batch_1--\r\n", "--batch_1-- \r\n");
    CHECK(parse(padded).operations.size() == 1);
}

TEST_CASE("emulator batch: the end may lack its dashes but not its boundary") {
    const std::string whole = batch(changeset(put("http://h/a/T", "{}")));
    const std::string no_line_end = whole.substr(0, whole.size() - 2);
    const std::string no_dashes = whole.substr(0, whole.size() - 4);
    CHECK(parse(no_line_end).operations.size() == 1);
    CHECK(parse(no_dashes).operations.size() == 1);
    CHECK(parse(no_dashes + "\r\n").operations.size() == 1);
    std::string neither = no_dashes;
    boost::algorithm::replace_all(neither, "--changeset_1--", "--changeset_1");
    CHECK(parse(neither).operations.size() == 1);
    for (std::size_t n = 0; n < no_dashes.size(); ++n) {
        CAPTURE(n);
        CHECK(refused(whole.substr(0, n)));
    }
}

TEST_CASE("emulator batch: Content-Length is that of the body") {
    const auto with = [](const char* length) {
        return batch(
            changeset(put("http://h/a/T", "{\"v\":1}", "content-length: " + std::string(length) + "\r\n")));
    };
    CHECK(parse(with("7")).operations[0].body == "{\"v\":1}");
    for (const char* wrong : {"6", "8", "0", "-7", "7x", "0x7", "99999999999999999999"}) {
        CAPTURE(wrong);
        CHECK(refused(with(wrong)));
    }
}

TEST_CASE("emulator batch: line ends may follow the body") {
    for (const char* more : {"", "\n", "\r\n", "\n\n\r\n"})
        for (const char* length : {"2", "3"}) {
            const std::string body = "{}" + std::string(more);
            const auto whole = batch(
                changeset(put("http://h/a/T", body, "Content-Length: " + std::string(length) + "\r\n")));
            const std::size_t n = length[0] - '0';
            if (n > body.size())
                CHECK(refused(whole));
            else
                CHECK(parse(whole).operations[0].body == body.substr(0, n));
        }
}

TEST_CASE("emulator batch: a part is an HTTP request") {
    CHECK_FALSE(refused(batch(changeset(operation("PUT u HTTP/1.1\r\nA: b\r\n\r\n")))));
    for (const char* request :
         {"", "PUT", "PUT u", "PUT HTTP/1.1", "PUT  HTTP/1.1", "PUT u HTTP/2", "PUT u HTTP/1.0",
          "PUT u http/1.1", " PUT u HTTP/1.1", "PUT  u HTTP/1.1", "PUT u  HTTP/1.1", "PUT \tu HTTP/1.1",
          "PUT u\x01 HTTP/1.1", "PUT u HTTP/1.1 ", "\r\nPUT u HTTP/1.1"}) {
        CAPTURE(request);
        CHECK(refused(batch(changeset(operation(request + std::string("\r\n\r\n{}"))))));
    }
    for (const char* header :
         {"A", ": b", "A : b", " A: b", "A\x7f: b", "A: b\x01", "A: b\rB: c", "A: b\r\n c"}) {
        CAPTURE(header);
        CHECK(refused(batch(changeset(put("http://h/a/T", "{}", header + std::string("\r\n"))))));
    }
    for (const char* other : {"application/json", "", "application/http2", "text/plain"}) {
        CAPTURE(other);
        std::string text = batch(changeset(put("http://h/a/T", "{}")));
        boost::algorithm::replace_all(text, "Content-Type: application/http\r\n",
                                      "Content-Type: " + std::string(other) + "\r\n");
        CHECK(refused(text));
    }
    std::string typeless = batch(changeset(put("http://h/a/T", "{}")));
    boost::algorithm::replace_all(typeless, "Content-Type: application/http\r\n", "");
    CHECK(refused(typeless));
}

TEST_CASE("emulator batch: the response of storage") {
    const auto r = write_batch({answer(204, {{"DataServiceVersion", "3.0;"}, {"ETag", "W/\"x\""}}),
                                answer(201, {{"Content-Type", "application/json"}}, "{\"v\":1}")},
                               false, service_mode::storage, "ID");
    CHECK(r.content_type == "multipart/mixed; boundary=batchresponse_ID");
    const std::string expected = "--batchresponse_ID\r\n"
                                 "Content-Type: multipart/mixed; boundary=changesetresponse_ID\r\n"
                                 "\r\n"
                                 "--changesetresponse_ID\r\n"
                                 "Content-Type: application/http\r\n"
                                 "Content-Transfer-Encoding: binary\r\n"
                                 "\r\n"
                                 "HTTP/1.1 204 No Content\r\n"
                                 "DataServiceVersion: 3.0;\r\n"
                                 "ETag: W/\"x\"\r\n"
                                 "\r\n"
                                 "\r\n"
                                 "--changesetresponse_ID\r\n"
                                 "Content-Type: application/http\r\n"
                                 "Content-Transfer-Encoding: binary\r\n"
                                 "\r\n"
                                 "HTTP/1.1 201 Created\r\n"
                                 "Content-Type: application/json\r\n"
                                 "\r\n"
                                 "{\"v\":1}\r\n"
                                 "--changesetresponse_ID--\r\n"
                                 "--batchresponse_ID--\r\n";
    CHECK(r.body == expected);
}

TEST_CASE("emulator batch: the response of Cosmos DB") {
    const auto r =
        write_batch({answer(412, {{"DataServiceVersion", "3.0;"}}, "{}")}, false, service_mode::cosmos, "ID");
    const std::string expected = "--batchresponse_ID\r\n"
                                 "Content-Type: multipart/mixed; boundary=changesetresponse_ID\r\n"
                                 "\r\n"
                                 "--changesetresponse_ID\n"
                                 "Content-Type: application/http\n"
                                 "Content-Transfer-Encoding: binary\n"
                                 "\n"
                                 "HTTP/1.1 412 Precondition Failed\r\n"
                                 "DataServiceVersion: 3.0;\r\n"
                                 "\r\n"
                                 "{}\r\n"
                                 "--changesetresponse_ID--\n"
                                 "--batchresponse_ID--\r\n";
    CHECK(r.body == expected);
}

TEST_CASE("emulator batch: the response to a query has no changeset") {
    const auto r = write_batch({answer(200, {}, "{}")}, true, service_mode::storage, "ID");
    CHECK(
        r.body
        == "--batchresponse_ID\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n"
           "HTTP/1.1 200 OK\r\n\r\n{}\r\n--batchresponse_ID--\r\n");
}
