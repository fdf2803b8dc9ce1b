// The store in cosmos mode against a server that responds over HTTP as Cosmos DB for Table does: errors
// without a code in the headers, line ends mixed within a batch, throttling hidden inside a 202,
// `odata.metadata` at the end, rows in no order, and a continuation that is JSON.

#include "support/http_server.hpp"
#include "support/run.hpp"

#include <azkv.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <doctest/doctest.h>

#include <map>

using namespace azkv;
using namespace azkv::test;
namespace json = boost::json;

namespace {

class fake_cosmos {
public:
    http_reply operator()(const http_request& r) {
        if (r.headers.contains("if-match") != (r.method == "DELETE")) return error(400, "InvalidInput");
        const auto url = boost::urls::parse_origin_form(r.target).value();
        const std::string path(url.path());
        if (path == "/Tables") return create_table();
        if (path == "/$batch") return batch(r.body);
        if (!table_) return error(404, "TableNotFound");
        if (path == "/things()") return page(url);
        const std::string key =
            path.substr(path.find("RowKey='") + 8, path.rfind("')") - path.find("RowKey='") - 8);
        if (r.method == "PUT") {
            rows_[key] = json::parse(r.body).as_object();
            return http_reply(204);
        }
        if (!rows_.contains(key)) return error(404, "ResourceNotFound");
        if (r.method == "DELETE") {
            rows_.erase(key);
            return http_reply(204);
        }
        return http_reply(200, json::serialize(entity(key)));
    }

    int throttled = 0; // batches that were rejected

private:
    static http_reply error(unsigned status, const std::string& code) {
        http_reply r(status, R"({"odata.error":{"code":")" + code
                                 + R"(","message":{"lang":"en-us","value":"Said so.\nRequestID:1\n"}}})");
        r.headers.emplace_back("Content-Type", "application/json; odata=fullmetadata");
        return r;
    }

    http_reply create_table() {
        if (std::exchange(table_, true)) return error(409, "TableAlreadyExists");
        return http_reply(204);
    }

    json::object entity(const std::string& key) const {
        json::object o = rows_.at(key);
        o["Timestamp"] = "2026-01-02T03:04:05.0000000Z";
        o["odata.etag"] = "W/\"datetime'2026-01-02T03%3A04%3A05.0000000Z'\"";
        o["odata.metadata"] = "at the end";
        return o;
    }

    // Two rows at a time, from the last to the first.
    http_reply page(const boost::urls::url_view& url) const {
        std::size_t skip = 0;
        if (const auto from = url.params().find("NextPartitionKey"); from != url.params().end()) {
            const auto row = url.params().find("NextRowKey");
            if (row == url.params().end() || (*row).value != "NA") return error(400, "InvalidInput");
            skip = static_cast<std::size_t>(
                std::stoi(std::string(json::parse((*from).value).at("token").as_string()).substr(2)));
        }
        json::array rows;
        auto at = rows_.rbegin();
        std::advance(at, static_cast<std::ptrdiff_t>(skip));
        for (; at != rows_.rend() && rows.size() < 2; ++at) rows.emplace_back(entity(at->first));
        http_reply r(200);
        json::object body;
        body["value"] = rows;
        body["odata.metadata"] = "at the end";
        r.body = json::serialize(body);
        if (skip + 2 < rows_.size()) {
            r.headers.emplace_back("x-ms-continuation-NextPartitionKey",
                                   R"({"token":"+/)" + std::to_string(skip + 2)
                                       + R"(","range":{"min":"","max":"FF"}})");
            r.headers.emplace_back("x-ms-continuation-NextRowKey", "NA");
        }
        return r;
    }

    http_reply batch(const std::string& body) {
        std::string parts;
        const auto add = [&](const std::string& answer) {
            parts +=
                "--changesetresponse_1\nContent-Type: application/http\nContent-Transfer-Encoding: binary\n\n"
                + answer;
        };
        if (!table_ || throttled == 0) {
            const http_reply r = table_ ? error(429, "TooManyRequests") : error(404, "TableNotFound");
            throttled += table_;
            add("HTTP/1.1 " + std::to_string(r.status) + " x\r\nContent-Type: application/json\r\n\r\n"
                + r.body + "\r\n");
        } else {
            int id = 0;
            for (auto line = body.find("\r\n{"); line != body.npos; line = body.find("\r\n{", line + 1)) {
                json::object o =
                    json::parse(body.substr(line + 2, body.find("\r\n", line + 2) - line - 2)).as_object();
                rows_[std::string(o.at("RowKey").as_string())] = o;
                add("HTTP/1.1 204 No Content\r\nContent-ID: " + std::to_string(++id)
                    + "\r\nETag: W/\"x\"\r\n\r\n\r\n");
            }
        }
        http_reply r(202, "--batchresponse_1\nContent-Type: multipart/mixed; boundary=changesetresponse_1\n\n"
                              + parts + "--changesetresponse_1--\n--batchresponse_1--\r\n");
        r.headers.emplace_back("Content-Type", "multipart/mixed; boundary=batchresponse_1");
        return r;
    }

    bool table_ = false;
    std::map<std::string, json::object> rows_;
};

} // namespace

TEST_CASE("all operations in cosmos mode") {
    fake_cosmos cosmos;
    http_server server(std::ref(cosmos));
    asio::io_context context;
    store db(context.get_executor(), "http://" + server.authority(),
             credential::shared_key("localhost", "c2VjcmV0"),
             store_options()
                 .mode(service_mode::cosmos)
                 .backoff(std::chrono::milliseconds(1), std::chrono::milliseconds(1)));

    CHECK(run(context, db.get("k0", "things")) == std::nullopt);
    CHECK(run(context, db.get_all("things")).empty());
    std::vector<std::pair<std::string, value>> pairs;
    for (int i = 0; i < 5; ++i) {
        value v;
        v["i"] = i;
        v["id"] = "mine";                     // the service has an id of its own
        v["text"] = std::string(40'000, 'x'); // more than a property of Table Storage
        pairs.emplace_back("k" + std::to_string(i), std::move(v));
    }
    run(context, db.put_all(pairs, "things")); // the store creates the table and repeats the throttled batch
    CHECK(cosmos.throttled == 1);
    run(context, db.put("k5", value{{"i", 5}}, "things"));

    const auto all = run(context, db.get_all("things"));
    REQUIRE(all.size() == 6);
    for (const auto& [key, v] : pairs) CHECK(all.at(key) == v);
    CHECK(run(context, db.get("k3", "things")) == pairs[3].second);

    std::vector<std::string> order;
    auto rows = db.query("i ge 0", "things");
    for (;;) {
        const auto e = run(context, rows.next());
        if (!e) break;
        order.push_back(e->key());
    }
    CHECK(order == std::vector<std::string>{"k5", "k4", "k3", "k2", "k1", "k0"});

    CHECK(run(context, db.erase("k5", "things")));
    CHECK_FALSE(run(context, db.erase("k5", "things")));
    CHECK(failure_of([&] { run(context, db.put("", value())); }).code() == errc::invalid_argument);
    CHECK(server.connections() == 1);
}
