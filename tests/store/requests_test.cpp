// What the store sends for each operation, and what it makes of the answers, over a scripted network.

#include "client/service_context.hpp"
#include "store/store_impl.hpp"
#include "support/all_operations.hpp"
#include "support/http_server.hpp"
#include "support/scripted_store.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <doctest/doctest.h>

#include <functional>

using namespace azkv;
using namespace azkv::test;
namespace json = boost::json;

namespace {

std::string first_line(const std::string& request) {
    return request.substr(0, request.find("\r\n"));
}

std::string batch_answer(std::size_t n) {
    std::string body = "--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n";
    for (std::size_t i = 0; i < n; ++i) body += "--c\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n\r\n";
    return body + "--c--\r\n--b--\r\n";
}

std::string batch_failure(unsigned status, const char* code, const std::string& message) {
    return "--b\r\n\r\n--c\r\n\r\nHTTP/1.1 " + std::to_string(status) + " x\r\n\r\n"
           + error_body(code, message) + "\r\n--c--\r\n--b--\r\n";
}

value numbered(int i) {
    value v;
    v["i"] = i;
    return v;
}

protocol::response page(const std::string& rows, std::optional<std::string> partition = {},
                        std::optional<std::string> row = {}) {
    protocol::response r;
    r.status = 200;
    r.body = "{\"value\":[" + rows + "]}";
    r.next_partition_key = std::move(partition);
    r.next_row_key = std::move(row);
    return r;
}

// The columns, percent-encoded, that a projection asks for to see one member.
std::string columns(const std::string& member) {
    std::string all = member;
    for (int part = 1; part <= 16; ++part) all += "%2C" + member + "_part_" + std::to_string(part);
    return all;
}

} // namespace

TEST_CASE("each operation is one request") {
    scripted_store s;
    s.net->answer(204);
    s.run(s.db.put("it's", numbered(1), "things"));
    s.net->answer(200, R"({"PartitionKey":"default","RowKey":"k","i":1})");
    CHECK(s.run(s.db.get("k", "things", select("i", "j"))) == numbered(1));
    s.net->answer(204);
    CHECK(s.run(s.db.erase("k")));
    REQUIRE(s.net->sent.size() == 3);
    CHECK(first_line(s.net->sent[0])
          == "PUT /acct/things(PartitionKey='default',RowKey='it%27%27s') HTTP/1.1");
    CHECK(contains(s.net->sent[0], "\r\n\r\n{\"PartitionKey\":\"default\",\"RowKey\":\"it's\",\"i\":1}"));
    CHECK_FALSE(contains(s.net->sent[0], "If-Match"));
    CHECK(first_line(s.net->sent[1])
          == "GET /acct/things(PartitionKey='default',RowKey='k')?$select=PartitionKey%2CRowKey%2C"
                 + columns("i") + "%2C" + columns("j") + " HTTP/1.1");
    CHECK(first_line(s.net->sent[2]) == "DELETE /acct/data(PartitionKey='default',RowKey='k') HTTP/1.1");
    CHECK(contains(s.net->sent[2], "\r\nIf-Match: *\r\n"));
    for (const std::string& request : s.net->sent) {
        CHECK(contains(request, "\r\nHost: 127.0.0.1:10002\r\n"));
        CHECK(contains(request, "\r\nx-ms-version: 2020-12-06\r\n"));
        CHECK(contains(request, "\r\nAccept: application/json;odata=minimalmetadata\r\n"));
        CHECK(contains(request, "\r\nAuthorization: SharedKey acct:"));
        CHECK(contains(request, "\r\nx-ms-client-request-id: "));
    }
}

TEST_CASE("absence is an answer") {
    scripted_store s;
    for (const char* code : {"ResourceNotFound", "TableNotFound", "EntityNotFound"}) {
        for (int i = 0; i < 2; ++i) s.net->answer(404, error_body(code));
        CHECK(s.run(s.db.get("k")) == std::nullopt);
        CHECK_FALSE(s.run(s.db.erase("k")));
    }
    s.net->answer(404, error_body("TableNotFound"));
    CHECK(s.run(s.db.get_all()).empty());
    s.net->answer(404, error_body("TableNotFound"));
    auto rows = s.db.query("");
    CHECK_FALSE(s.run(rows.next()));
    CHECK(s.net->sent.size() == 8); // nothing was created

    s.net->answer(404, "<html>no such page</html>"); // some proxy's
    const error e = failure_of([&] { s.run(s.db.get("k")); });
    CHECK(e.code() == errc::bad_response);
    CHECK(e.status() == 404);
    CHECK(contains(e.what(), "(HTTP 404, not an error message of a table service: perhaps a proxy's)"));
    s.net->answer(404,
                  "<Error><Code>ResourceNotFound</Code></Error>"); // Azurite's, of an account that it has not
    CHECK(contains(failure_of([&] { s.run(s.db.get("k")); }).what(),
                   "not an error message of a table service"));
}

TEST_CASE("a write makes the table only when it is told that there is none") {
    scripted_store s;
    s.net->answer(404, error_body("TableNotFound"));
    s.net->answer(204);
    s.net->answer(204);
    s.run(s.db.put("k", numbered(1), "new one"));
    REQUIRE(s.net->sent.size() == 3);
    CHECK(first_line(s.net->sent[1]) == "POST /acct/Tables HTTP/1.1");
    CHECK(contains(s.net->sent[1], R"({"TableName":"newone"})"));
    CHECK(first_line(s.net->sent[2]) == first_line(s.net->sent[0]));

    s.net->sent.clear(); // someone else was faster
    s.net->answer(202, batch_failure(404, "TableNotFound", "0:none"));
    s.net->answer(409, error_body("TableAlreadyExists"));
    s.net->answer(202, batch_answer(1));
    s.run(s.db.put_all({{"k", numbered(1)}}));
    CHECK(s.net->sent.size() == 3);

    s.net->answer(404, error_body("TableNotFound"));
    s.net->answer(403, error_body("AuthorizationPermissionMismatch"));
    const error e = failure_of([&] { s.run(s.db.put("k", numbered(1))); });
    CHECK(e.code() == errc::forbidden);
    CHECK(e.key() == "k");

    s.net->answer(404, error_body("TableNotFound")); // and if it is gone again, that is that
    s.net->answer(204);
    s.net->answer(404, error_body("TableNotFound"));
    CHECK(failure_of([&] { s.run(s.db.put("k", numbered(1))); }).code() == errc::not_found);
    CHECK(s.net->finished());
}

TEST_CASE("put_all: transactions of the allowed size, the last pair of a key") {
    scripted_store s;
    std::vector<std::pair<std::string, value>> pairs;
    for (int i = 0; i < 250; ++i) pairs.emplace_back("k" + std::to_string(i % 205), numbered(i));
    for (const std::size_t n : {100, 100, 5}) s.net->answer(202, batch_answer(n));
    s.run(s.db.put_all(pairs));
    REQUIRE(s.net->sent.size() == 3);
    CHECK(first_line(s.net->sent[0]) == "POST /acct/$batch HTTP/1.1");
    CHECK_FALSE(contains(s.net->sent[0], "\"RowKey\":\"k0\",\"i\":0}"));
    CHECK(contains(s.net->sent[1] + s.net->sent[2], "\"RowKey\":\"k0\",\"i\":205}"));

    s.net->sent.clear();
    for (const std::size_t n : {2, 2, 1}) s.net->answer(202, batch_answer(n));
    pairs.resize(5);
    s.run(s.db.put_all(pairs, "data", 2));
    CHECK(s.net->sent.size() == 3);

    s.run(s.db.put_all({})); // nothing to send
    CHECK(s.net->finished());
    for (const std::size_t n : {0, 101}) {
        const error e = failure_of([&] { s.run(s.db.put_all(pairs, "data", n)); });
        CHECK(e.code() == errc::invalid_argument);
        CHECK(contains(e.what(), "batch_size is " + std::to_string(n)));
    }
}

TEST_CASE("put_all: transactions of the allowed bytes") {
    const auto sizes = [](store_options o) {
        scripted_store s(std::move(o));
        std::vector<std::pair<std::string, value>> pairs;
        for (int i = 0; i < 100; ++i) {
            value v;
            for (int m = 0; m < 3; ++m) v["m" + std::to_string(m)] = std::string(30'000, 'x');
            pairs.emplace_back("k" + std::to_string(i), std::move(v));
        }
        // 90,000 bytes an entity: 46 of them stay below 4 MiB, 22 below 2 MB.
        const bool cosmos = o.mode() == service_mode::cosmos;
        for (const std::size_t n :
             cosmos ? std::vector<std::size_t>{22, 22, 22, 22, 12} : std::vector<std::size_t>{46, 46, 8})
            s.net->answer(202, batch_answer(n));
        s.run(s.db.put_all(pairs));
        CHECK(s.net->finished());
        std::size_t largest = 0;
        for (const std::string& request : s.net->sent)
            largest = std::max(largest, request.size() - request.find("\r\n\r\n") - 4);
        return largest;
    };
    CHECK(sizes(store_options()) <= 4 << 20);
    CHECK(sizes(store_options().mode(service_mode::cosmos)) <= 2'000'000);
}

TEST_CASE("put_all: the key that made a transaction fail is named") {
    scripted_store s;
    std::vector<std::pair<std::string, value>> pairs;
    for (int i = 0; i < 5; ++i) pairs.emplace_back("k" + std::to_string(i), numbered(i));
    s.net->answer(202, batch_answer(2));
    s.net->answer(202, batch_failure(400, "PropertyValueTooLarge", "1:too large"));
    s.net->answer(202, batch_answer(1));
    const error e = failure_of([&] { s.run(s.db.put_all(pairs, "data", 2)); });
    CHECK(e.code() == errc::too_large);
    CHECK(e.key() == "k3");
    CHECK(contains(e.what(), "put_all \"k3\" in \"data\""));
    CHECK(e.service_code() == "PropertyValueTooLarge");
    CHECK(s.net->finished()); // the third was sent all the same

    s.net->answer(202, batch_answer(2)); // Cosmos DB may refuse the whole batch for one of its operations
    s.net->answer(400, error_body("InvalidDuplicateRow", "1:The batch request contains multiple changes with "
                                                         "same row key.\\r\\nActivityId: 1"));
    s.net->answer(202, batch_answer(1));
    const error whole = failure_of([&] { s.run(s.db.put_all(pairs, "data", 2)); });
    CHECK(whole.key() == "k3");
    CHECK(whole.status() == 400);
    CHECK_FALSE(whole.outcome_unknown());

    s.net->answer(202, batch_answer(3)); // an answer that does not fit
    CHECK(failure_of([&] { s.run(s.db.put_all(pairs)); }).code() == errc::bad_response);
}

TEST_CASE("bad input is refused before anything is sent") {
    scripted_store s;
    const std::string long_key(513, 'k');
    CHECK(failure_of([&] { s.run(s.db.put(long_key, {})); }).key() == long_key);
    CHECK(failure_of([&] { s.run(s.db.get(long_key)); }).code() == errc::too_large);
    CHECK(failure_of([&] { s.run(s.db.erase("\xFF")); }).code() == errc::invalid_argument);
    CHECK(failure_of([&] { s.run(s.db.get("k", "---")); }).code() == errc::invalid_argument);
    CHECK(failure_of([&] { s.run(s.db.get_all("tables")); }).code() == errc::invalid_argument);
    value large;
    large["text"] = std::string(600'000, 'x');
    const error e = failure_of([&] { s.run(s.db.put("k", large)); });
    CHECK(std::string(e.what())
          == "put \"k\" in \"data\": the value takes 1200690 bytes, 1200670 of them in member \"text\"; the "
             "service holds 1048576");
    std::vector<std::pair<std::string, value>> pairs;
    for (int i = 0; i < 200; ++i) pairs.emplace_back("k" + std::to_string(i), numbered(i));
    pairs.emplace_back("bad", large);
    CHECK(failure_of([&] { s.run(s.db.put_all(pairs)); }).key() == "bad");
    auto rows = s.db.query("", "data", select(""));
    CHECK(failure_of([&] { s.run(rows.next()); }).code() == errc::invalid_argument);
    CHECK(s.net->sent.empty());
}

TEST_CASE("strict naming holds for every operation") {
    scripted_store s(store_options().naming(table_naming::strict));
    const auto refused = [&](const std::function<void()>& operation) {
        const error e = failure_of(operation);
        CHECK(e.code() == errc::invalid_argument);
        CHECK(contains(e.what(), R"(in "my-docs": invalid collection "my-docs": not a table name)"));
    };
    for (const operation_sample& o : all_operations()) {
        CAPTURE(o.name);
        refused([&] { s.run(o.call(s.db, o.in("my-docs"))); });
    }
    refused([&] { s.run(s.db.put_all({}, "my-docs")); });
    CHECK(s.net->sent.empty());
    s.net->answer(204);
    s.run(s.db.put("k", {}, "mydocs"));
    CHECK(s.net->sent.size() == 1);
}

TEST_CASE("a query follows either continuation header, and an empty page is not the end") {
    scripted_store s;
    auto rows = s.db.query("i ge 1", "data", select("i"));
    CHECK(s.net->sent.empty());
    s.net->answer(page(R"({"PartitionKey":"p","RowKey":"a","i":1})", "next+p"));
    s.net->answer(page("", std::nullopt, "next r"));
    s.net->answer(page("", "{\"token\":\"x\"}", "NA"));
    s.net->answer(page(R"({"PartitionKey":"p","RowKey":"b","i":2})"));
    const auto a = s.run(rows.next());
    REQUIRE(a);
    CHECK(a->key() == "a");
    CHECK(s.net->sent.size() == 1);
    const auto b = s.run(rows.next());
    REQUIRE(b);
    CHECK(b->key() == "b");
    CHECK(b->value() == numbered(2));
    CHECK_FALSE(s.run(rows.next()));
    REQUIRE(s.net->sent.size() == 4);
    const std::string start =
        "GET /acct/data()?$filter=i%20ge%201&$select=PartitionKey%2CRowKey%2CTimestamp%2C" + columns("i");
    CHECK(first_line(s.net->sent[0]) == start + " HTTP/1.1");
    CHECK(first_line(s.net->sent[1]) == start + "&NextPartitionKey=next%2Bp HTTP/1.1");
    CHECK(first_line(s.net->sent[2]) == start + "&NextRowKey=next%20r HTTP/1.1");
    CHECK(first_line(s.net->sent[3])
          == start + "&NextPartitionKey=%7B%22token%22%3A%22x%22%7D&NextRowKey=NA HTTP/1.1");
}

TEST_CASE("a service that sends one page for ever is stopped") {
    scripted_store s;
    s.net->answer(page("", "same"));
    s.net->answer(page("", "same"));
    auto rows = s.db.query("");
    CHECK(failure_of([&] { s.run(rows.next()); }).code() == errc::bad_response);
}

TEST_CASE("get_all asks for the store's own partition") {
    scripted_store s(store_options().partition("it's/1"));
    s.net->answer(page(R"({"PartitionKey":"it's_x002F_1","RowKey":"a_x002F_b","i":1})", "p"));
    s.net->answer(page(R"({"PartitionKey":"it's_x002F_1","RowKey":"c","i":2})"));
    const auto all = s.run(s.db.get_all());
    CHECK(all.size() == 2);
    CHECK(all.at("a/b") == numbered(1));
    CHECK(contains(s.net->sent[0], "?$filter=PartitionKey%20eq%20%27it%27%27s_x002F_1%27 "));
}

TEST_CASE("answers that are not understood") {
    scripted_store s;
    s.net->answer(200, "no json");
    const error e = failure_of([&] { s.run(s.db.get("k")); });
    CHECK(e.code() == errc::bad_response);
    CHECK(contains(e.what(), "get \"k\" in \"data\""));
    s.net->answer(302);
    CHECK(failure_of([&] { s.run(s.db.put("k", {})); }).code() == errc::bad_response);
    s.net->answer(204);
    CHECK(failure_of([&] { s.run(s.db.get("k")); }).code() == errc::bad_response);
    s.net->answer(200, R"({"values":[]})");
    CHECK(failure_of([&] { s.run(s.db.get_all()); }).code() == errc::bad_response);
}

TEST_CASE("errors carry what the service said, but do not say it") {
    scripted_store s;
    protocol::response r;
    r.status = 400;
    r.request_id = "the-id";
    r.body = error_body("InvalidInput", "SERVER WORDS");
    s.net->answer(r);
    const error e = failure_of([&] { s.run(s.db.put("k", {}, "things")); });
    CHECK(std::string(e.what()) == "put \"k\" in \"things\": the service rejected the request (HTTP 400)");
    CHECK(e.service_code() == "InvalidInput");
    CHECK(contains(e.server_message(), "SERVER WORDS"));
    CHECK(e.request_id() == "the-id");
    CHECK(e.key() == "k");
}

TEST_CASE("a shared access signature is appended to every request") {
    asio::io_context context;
    const auto net = std::make_shared<scripted_transport>();
    store db = detail::store_access::make(
        context.get_executor(),
        std::make_shared<const client::service_context>("https://acct.table.core.windows.net",
                                                        credential::sas("?sv=1&sig=a%2Bb"), store_options()),
        net);
    net->answer(404, error_body("ResourceNotFound"));
    run(context, db.get("k"));
    net->answer(404, error_body("ResourceNotFound"));
    run(context, db.get("k", "data", select("a")));
    CHECK(first_line(net->sent[0]) == "GET /data(PartitionKey='default',RowKey='k')?sv=1&sig=a%2Bb HTTP/1.1");
    CHECK(first_line(net->sent[1])
          == "GET /data(PartitionKey='default',RowKey='k')?$select=PartitionKey%2CRowKey%2C" + columns("a")
                 + "&sv=1&sig=a%2Bb HTTP/1.1");
    CHECK_FALSE(contains(net->sent[0], "Authorization"));
    net->answer(403, error_body("AuthenticationFailed"));
    CHECK_FALSE(contains(failure_of([&] { run(context, db.get("k")); }).what(), "sig"));
}
