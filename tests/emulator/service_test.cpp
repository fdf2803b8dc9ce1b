// Cases that the conformance suite lacks: requests that exceed their rights, and behaviour of the emulator
// alone.

#include "codec/utf.hpp"
#include "emulator/failure.hpp"
#include "emulator/subject.hpp"
#include "protocol/percent_encoding.hpp"
#include "support/base64.hpp"
#include "support/run.hpp"
#include "support/signing_vectors.hpp"
#include "support/temporary_directory.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <set>
#include <string>
#include <utility>

using namespace azkv;
using namespace azkv::emulation;
using namespace azkv::test;
using namespace std::chrono_literals;

namespace {

std::string encoded(std::string text) {
    std::string out;
    for (const char c : text) {
        if (c == '+')
            out += "%2B";
        else if (c == '\n')
            out += "%0A";
        else
            out += c;
    }
    return out;
}

std::string percent_encoded(std::string_view text) {
    std::string out;
    protocol::append_encoded(out, text);
    return out;
}

std::size_t rows(const reply& page) {
    std::size_t n = 0;
    for (auto at = page.body.find("\"RowKey\""); at != page.body.npos;
         at = page.body.find("\"RowKey\"", at + 1))
        ++n;
    return n;
}

std::string table_sas(const std::string& spk, const std::string& srk, const std::string& epk,
                      const std::string& erk) {
    const std::string expiry = "2099-01-01T00:00:00Z";
    const std::string signature = sign("r\n\n" + expiry + "\n/table/acct/ttt\n\n\n\n2019-02-02\n" + spk + "\n"
                                       + srk + "\n" + epk + "\n" + erk);
    return "sv=2019-02-02&tn=ttt&sp=r&se=" + expiry + "&sig=" + encoded(signature);
}

} // namespace

TEST_CASE("signatures of Microsoft's clients are accepted or rejected as in Microsoft's emulator") {
    const auto data = signing_vectors();
    int checked = 0;
    service s(emulator_options().account("devstoreaccount1", std::string(data.at("key_base64").as_string())));
    for (const auto& item : data.at("vectors").as_array()) {
        const auto& v = item.as_object();
        if (!v.at("scheme").as_string().ends_with("SAS")) continue;
        CAPTURE(v.at("id").as_string().c_str());
        request r;
        r.method = "GET";
        r.target = "/devstoreaccount1/Tone()?" + std::string(v.at("query").as_string());
        r.headers = {{"Host", "127.0.0.1:10002"}, {"Accept", "application/json"}};
        origin from;
        from.address = "127.0.0.1";
        // Neither the table nor its policy exists: only authorized callers learn that.
        const reply answer = s.answer(r, from);
        const bool by_policy = contains(r.target, "&si=");
        CHECK(answer.status == (v.contains("expect") || by_policy ? 403 : 404));
        ++checked;
    }
    CHECK(checked == 15);
}

TEST_CASE("fields of a shared access signature cannot be exchanged") {
    subject s;
    const std::string expiry = "2099-01-01T00:00:00Z";
    const std::string fields = "acct\nl\nt\nc\n\n" + expiry + "\n\n";
    const std::string common = "/Tables?ss=t&srt=c&sp=l&se=" + expiry;

    const std::string honest = encoded(sign(fields + "https\n2021-12-02\n\n"));
    CHECK(s.ask_unsigned("GET", common + "&spr=https&sv=2021-12-02&sig=" + honest).status
          == 403); // over HTTP
    // The same text, in other fields.
    CHECK(s.ask_unsigned("GET", common + "&spr=https%0A2021-12-02&sv=&sig=" + honest).status == 403);
    CHECK(s.ask_unsigned("GET", common + "&spr=https%0A2021-12-02&sig=" + honest).status == 403);

    const auto status = [&](const std::string& spr, const std::string& sv) {
        const std::string signature = encoded(sign(fields + spr + "\n" + sv + "\n"));
        return s.ask_unsigned("GET", common + "&spr=" + spr + "&sv=" + sv + "&sig=" + signature).status;
    };
    CHECK(status("https,http", "2019-02-02") == 200);
    CHECK(status("", "2019-02-02") == 200);
    CHECK(status("http", "2019-02-02") == 403);
    CHECK(status("", "") == 403);
    CHECK(status("", "zzzz-zz-zz") == 403);
    CHECK(status("", "2012-02-12") == 403);
}

TEST_CASE("a table's signature grants what it says despite empty fields") {
    subject s;
    s.ask("POST", "/Tables", R"({"TableName":"ttt"})");
    for (const char* key : {"a", "b", "c"}) {
        CHECK(s.put("ttt", key, "1") == 204);
        CHECK(s.put("ttt", key, "2") == 204);
    }
    const auto seen = [&](const std::string& sas) { return rows(s.ask_unsigned("GET", "/ttt()?" + sas)); };
    const std::string partition = table_sas("b", "", "b", "");
    CHECK(seen(partition + "&spk=b&srk=&epk=b&erk=") == 2);
    CHECK(seen(partition + "&spk=b&epk=b") == 2);
    const std::string all = table_sas("", "", "", "");
    CHECK(seen(all) == 6);
    CHECK(seen(all + "&spk=&srk=&epk=&erk=") == 6);
    CHECK(s.ask_unsigned("GET", "/ttt()?" + table_sas("", "x", "", "") + "&srk=x").status == 403);

    // A full page does not reveal what lies outside the range.
    const reply page = s.ask_unsigned("GET", "/ttt()?$top=2&epk=a&spk=a&" + table_sas("a", "", "a", ""));
    CHECK(rows(page) == 2);
    CHECK(find_header(page.headers, "x-ms-continuation-NextPartitionKey") == nullptr);
}

TEST_CASE("the signed request is the executed request") {
    subject s;
    CHECK(s.ask("GET", "/?restype=service&comp=properties").status == 200);
    // Signed without `comp`, sent with it in another spelling.
    s.sign_as("/acct/?restype=service");
    CHECK(s.ask("GET", "/?restype=service&%63omp=properties").status == 400);
    CHECK(s.ask("GET", "/?restype=service&comp=properties").status == 403);
}

TEST_CASE("an unknown operation does not become another") {
    subject s;
    s.ask("POST", "/Tables", R"({"TableName":"ttt"})");
    CHECK(s.ask("POST", "/ttt?comp=acl", R"({"PartitionKey":"p","RowKey":"r"})").status == 405);
    CHECK(s.ask("GET", "/ttt?comp=nonsense").status == 400);
    CHECK(s.ask("GET", "/ttt(PartitionKey='p',RowKey='r')?comp=acl").status == 400);
    CHECK(rows(s.ask("GET", "/ttt")) == 0);
    CHECK(s.ask("GET", "/ttt?timeout=abc").status == 400);
    CHECK(s.ask("GET", "/ttt?$top=1&$top=2").status == 400);
}

TEST_CASE("a batch writes only to the account it was sent to") {
    subject s;
    s.ask("POST", "/Tables", R"({"TableName":"ttt"})");
    const auto batch = [&](const std::string& first, const std::string& second) {
        std::string body = "--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n";
        for (const std::string& url : {first, second})
            body += "--c\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\nPUT "
                    + url + " HTTP/1.1\r\nContent-Type: application/json\r\n\r\n{}\r\n";
        body += "--c--\r\n--b--\r\n";
        return s.ask("POST", "/$batch", body, {{"Content-Type", "multipart/mixed; boundary=b"}}).body;
    };
    const std::string base = "http://127.0.0.1:10002/acct";
    const std::string a = "/ttt(PartitionKey='p',RowKey='a')";
    const std::string b = "/TTT(PartitionKey='p',RowKey='b')";
    CHECK(contains(batch(base + "-secondary" + a, base + b), "400 Bad Request"));
    CHECK(contains(batch(base + a, "ftp://127.0.0.1/acct" + b), "400 Bad Request"));
    CHECK(rows(s.ask("GET", "/ttt")) == 0);
    CHECK_FALSE(contains(batch(base + a, base + b), "400 Bad Request")); // one table, in any case
    CHECK(rows(s.ask("GET", "/ttt")) == 2);
    CHECK_FALSE(contains(batch("/acct" + a, "/acct" + b), "400 Bad Request"));
    CHECK(contains(batch("/acct" + a, "acct" + b), "400 Bad Request"));
    CHECK(contains(batch("/acct" + a, "/other" + b), "400 Bad Request"));
}

TEST_CASE("cosmos: limits of keys and unreachable names") {
    subject s(service_mode::cosmos);
    s.ask("POST", "/Tables", R"({"TableName":"ttt"})");
    CHECK(s.put("ttt", std::string(1024, 'p'), "r") == 204);
    CHECK(s.put("ttt", std::string(1025, 'p'), "r") == 400);
    CHECK(s.put("ttt", "p", std::string(255, 'r')) == 204);
    CHECK(s.put("ttt", "p", std::string(256, 'r')) == 400);
    for (const char* name : {"a(b)", "Tables", "$batch"})
        CHECK(s.ask("POST", "/Tables", R"({"TableName":")" + std::string(name) + R"("})").status == 400);
}

TEST_CASE("the entities of a batch share a timestamp until the clock moves on by a millisecond") {
    auto now = std::chrono::system_clock::now();
    std::chrono::microseconds step(0);
    const auto clock = [&] { return now += step; };
    const auto etags = [&](service_mode mode) {
        subject s(mode, {}, emulator_options().clock(clock));
        s.ask("POST", "/Tables", R"({"TableName":"ttt"})");
        std::string body = "--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n";
        for (int i = 0; i < 50; ++i)
            body += "--c\r\nContent-Type: application/http\r\n\r\nPUT "
                    + std::string(mode == service_mode::storage ? "/acct" : "")
                    + "/ttt(PartitionKey='p',RowKey='" + std::to_string(i)
                    + "') HTTP/1.1\r\nContent-Type: application/json\r\n\r\n{}\r\n";
        body += "--c--\r\n--b--\r\n";
        const reply r = s.ask("POST", "/$batch", body, {{"Content-Type", "multipart/mixed; boundary=b"}});
        REQUIRE(r.status == 202);
        std::set<std::string> found;
        for (auto at = r.body.find("ETag: "); at != r.body.npos; at = r.body.find("ETag: ", at + 1))
            found.insert(r.body.substr(at, r.body.find('\r', at) - at));
        return found.size();
    };
    CHECK(etags(service_mode::storage) == 1);
    CHECK(etags(service_mode::cosmos) == 50);
    step = std::chrono::microseconds(100);
    CHECK(etags(service_mode::storage) == 5);
    step = std::chrono::milliseconds(1);
    CHECK(etags(service_mode::storage) == 50);
}

TEST_CASE("a page ends after a number of rows scanned") {
    subject s;
    s.ask("POST", "/Tables", R"({"TableName":"ttt"})");
    for (int i = 0; i < 20'100; ++i) s.put("ttt", "p", std::to_string(100'000 + i));
    const reply page = s.ask("GET", "/ttt?$filter=missing%20eq%201");
    CHECK(page.status == 200);
    CHECK(rows(page) == 0);
    REQUIRE(find_header(page.headers, "x-ms-continuation-NextRowKey"));
    CHECK(*find_header(page.headers, "x-ms-continuation-NextRowKey") == "1!8!MTIwMDAw"); // 120000
}

TEST_CASE("a page ends after a number of comparisons") {
    subject s;
    s.ask("POST", "/Tables", R"({"TableName":"ttt"})");
    for (int i = 0; i < 120; ++i) s.put("ttt", "p", std::to_string(100 + i));
    std::string filter = "RowKey%20ne%20''";
    for (int i = 0; i < 20'000; ++i) filter += "%20and%20n%20ne%201";
    std::size_t pages = 0;
    std::string next;
    do {
        const reply page = s.ask("GET", "/ttt?$filter=" + filter + next);
        REQUIRE(page.status == 200);
        CHECK(rows(page) == 0); // no entity has n
        const std::string* const row = find_header(page.headers, "x-ms-continuation-NextRowKey");
        next = row ? "&NextPartitionKey=1!4!cA--&NextRowKey=" + *row : "";
        ++pages;
    } while (!next.empty() && pages < 10);
    CHECK(pages == 3); // 1,000,000 comparisons each
}

TEST_CASE("a selected name that is not UTF-8 is not repeated") {
    subject s;
    s.ask("POST", "/Tables", R"({"TableName":"ttt"})");
    s.put("ttt", "p", "r");
    CHECK(contains(s.ask("GET", "/ttt?$select=%FF,RowKey,none").body, R"([{"RowKey":"r","none":null}])"));
}

TEST_CASE("a message repeats of a request only what it may have") {
    subject storage;
    const reply page = storage.ask("GET", "/ttt?$filter=" + std::string(3'000'000, 'a') + "%20b");
    CHECK(page.status == 404); // the table is looked for first
    storage.ask("POST", "/Tables", R"({"TableName":"ttt"})");
    const reply refusal = storage.ask("GET", "/ttt?$filter=" + std::string(3'000'000, 'a') + "%20b");
    CHECK(refusal.status == 400);
    CHECK(contains(refusal.body, "aaa..."));
    CHECK(refusal.body.size() < 10'000);

    subject cosmos(service_mode::cosmos);
    const std::string date = protocol::http_date(std::chrono::system_clock::now());
    const reply forbidden = cosmos.ask_unsigned("GET", "/ttt",
                                                {{"Authorization", "SharedKey localhost:eA=="},
                                                 {"x-ms-date", date},
                                                 {"Content-Type", "\xFF\xC3\xA4"}});
    CHECK(forbidden.status == 403);
    CHECK(contains(forbidden.body, "???"));
    CHECK(codec::utf16_length(forbidden.body) != std::string::npos);
}

TEST_CASE("cosmos: a continuation token holds a whole number and nothing after it") {
    subject s(service_mode::cosmos);
    s.ask("POST", "/Tables", R"({"TableName":"ttt"})");
    s.put("ttt", "p", "r");
    const auto status = [&](const std::string& position) {
        const std::string token = R"({"token":")" + support::encode_base64(position) + R"("})";
        return s.ask("GET", "/ttt?NextPartitionKey=" + percent_encoded(token) + "&NextRowKey=NA").status;
    };
    CHECK(status("1") == 200);
    for (const char* wrong : {"1x", "1 ", " 1", "1.5", "x", "", "99999999999999999999"}) {
        CAPTURE(wrong);
        CHECK(status(wrong) == 400);
    }
}

TEST_CASE("a directory keeps all acknowledged writes for the mode that created it") {
    const temporary_directory there;
    const std::string properties = "<StorageServiceProperties><HourMetrics><Version>1.0</Version>"
                                   "<Enabled>true</Enabled><IncludeAPIs>true</IncludeAPIs><RetentionPolicy>"
                                   "<Enabled>false</Enabled></RetentionPolicy></HourMetrics>"
                                   "</StorageServiceProperties>";
    CHECK(subject(service_mode::storage, there.path())
              .ask("PUT", "/?restype=service&comp=properties", properties)
              .status
          == 202);
    subject again(service_mode::storage, there.path());
    CHECK(contains(again.ask("GET", "/?restype=service&comp=properties").body,
                   "<HourMetrics><Version>1.0</Version><Enabled>true"));
    const temporary_directory elsewhere;
    { const subject s(service_mode::cosmos, elsewhere.path()); }
    CHECK_THROWS_WITH(
        subject(service_mode::storage, elsewhere.path()),
        ("the directory \"" + elsewhere.path() + "\" has the tables of an emulator in cosmos mode").c_str());
}

TEST_CASE("the name of a deleted table is blocked while the deletion lasts") {
    auto now = std::chrono::system_clock::now();
    const auto options = emulator_options().clock([&] { return now; }).table_deletion_time(2min);
    subject s(service_mode::storage, {}, options);
    const auto create = [&](const std::string& name) {
        return s.ask("POST", "/Tables", R"({"TableName":")" + name + "\"}");
    };
    CHECK(create("ttt").status == 201);
    CHECK(create("other").status == 201);
    CHECK(s.put("ttt", "p", "r") == 204);
    CHECK(s.ask("DELETE", "/Tables('TTT')").status == 204);
    const reply refused = create("Ttt");
    CHECK(refused.status == 409);
    CHECK(contains(refused.body, R"("code":"TableBeingDeleted")"));
    CHECK(contains(refused.body, "The specified table is being deleted. Try operation later."));
    // For everything else it is gone.
    CHECK(s.put("ttt", "p", "r") == 404);
    CHECK(s.ask("GET", "/ttt(PartitionKey='p',RowKey='r')").status == 404);
    CHECK(s.ask("GET", "/ttt()").status == 404);
    CHECK_FALSE(contains(s.ask("GET", "/Tables").body, "ttt"));
    CHECK(s.ask("DELETE", "/Tables('ttt')").status == 404);
    CHECK(create("other").status == 409); // exists
    now += 2min - 1ms;
    CHECK(create("ttt").status == 409);
    now += 1ms;
    CHECK(create("ttt").status == 201);
    CHECK(s.ask("GET", "/ttt(PartitionKey='p',RowKey='r')").status == 404);

    for (const auto mode : {service_mode::storage, service_mode::cosmos}) {
        const bool is_cosmos = mode == service_mode::cosmos;
        subject at_once(mode, {}, is_cosmos ? options : emulator_options());
        CHECK(at_once.ask("POST", "/Tables", R"({"TableName":"ttt"})").status == 201);
        CHECK(at_once.ask("DELETE", "/Tables('ttt')").status == 204);
        CHECK(at_once.ask("POST", "/Tables", R"({"TableName":"ttt"})").status == 201);
    }
}

TEST_CASE("an unknown account has an error of its own") {
    service s(emulator_options().account("acct", account_key));
    const auto ask = [&](const std::string& target, const std::string& host = "127.0.0.1:10002") {
        request r;
        r.method = "GET";
        r.target = target;
        r.headers = {{"Host", host}, {"Accept", "application/json"}};
        const reply answer = s.answer(r, origin());
        CHECK(answer.status == 400);
        CHECK(contains(answer.body, R"("code":"AccountNotFound")"));
        return answer.body;
    };
    CHECK(contains(ask("/other/T()"), R"(The account \"other\" is none of this emulator's accounts.)"));
    CHECK(contains(ask("/acct2/T()"), R"(\"acct2\")"));
    CHECK(contains(ask("/T", "other.localhost:10002"), R"(\"other\")"));
    CHECK(contains(ask("/T", "OTHER.localhost"), R"(\"other\")"));
    CHECK(contains(ask("/T", "[::1]:10002"), R"(\"T\")"));
    // Which of them the client means is not known.
    CHECK(contains(ask("/other/T", "emulator.example"), R"(The account \"emulator\" or \"other\" is none)"));
    for (const char* none :
         {"/", "", "/T()", "/%22/T", "/a_b/T", "/T(PartitionKey='p',RowKey='r')", "/Tables", "/$batch"})
        CHECK(contains(ask(none), "The path does not begin with one of this emulator's accounts."));
}
