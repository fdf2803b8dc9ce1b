// Conditional writes over a scripted network: what they send, what they report, and what they make of lost
// responses.

#include "codec/write_marks.hpp"
#include "support/fixtures.hpp"
#include "support/scripted_store.hpp"

#include <azkv/entry.hpp>

#include <boost/asio/error.hpp>
#include <boost/json/parse.hpp>
#include <doctest/doctest.h>

using namespace azkv;
using namespace azkv::test;
namespace json = boost::json;

namespace {

const etag given("W/\"datetime'2026-01-02T03%3A04%3A05.0000001Z'\"");
const etag other("W/\"datetime'2026-01-02T03%3A04%3A06.0000002Z'\"");

std::string first_line(const std::string& request) {
    return request.substr(0, request.find("\r\n"));
}

json::object body_of(const std::string& request) {
    return json::parse(request.substr(request.find("\r\n\r\n") + 4)).as_object();
}

/// The text of the marks in the body of a request.
std::string marks_in(const std::string& request) {
    const json::object body = body_of(request);
    const json::value* const text = body.if_contains("azkv_write");
    return text ? std::string(text->as_string()) : std::string();
}

protocol::response written(const etag& version) {
    protocol::response r;
    r.status = 204;
    r.etag.assign(version.text());
    return r;
}

/// The row of "k" with the value `{"i": i}`, as it is read.
protocol::response row(const std::string& marks, int i = 1, const etag& version = other) {
    json::object o;
    o["odata.etag"] = version.text();
    o["PartitionKey"] = "default";
    o["RowKey"] = "k";
    o["Timestamp"] = "2026-01-02T03:04:06Z";
    o["i"] = i;
    if (!marks.empty()) o["azkv_write"] = marks;
    protocol::response r;
    r.status = 200;
    r.date = "Fri, 02 Jan 2026 03:04:08 GMT";
    r.body = json::serialize(o);
    return r;
}

/// A store whose script has the reads that decide.
class deciding_store : public scripted_store {
public:
    explicit deciding_store(store_options o = {}) : scripted_store(std::move(o)) { net->decides = true; }

    void lose() { net->fail(asio::error::eof, true); }

    write_result insert() { return run(db.insert("k", numbered(1))); }

    write_result replace() { return run(db.replace("k", numbered(1), given)); }

    write_result erase() { return run(db.erase("k", given)); }
};

entry as_read(value v, const std::string& marks = {}) {
    scripted_store s;
    protocol::response r = row(marks, 1, given);
    json::object o = json::parse(r.body).as_object();
    o.erase("i");
    for (auto& member : v) o[member.key()] = member.value();
    r.body = json::serialize(o);
    s.net->answer(r);
    return *s.run(s.db.get_entry("k"));
}

} // namespace

TEST_CASE("each conditional write is one request") {
    scripted_store s;
    s.net->answer(written(other));
    const write_result inserted = s.run(s.db.insert("k", numbered(1), "things"));
    CHECK(inserted);
    CHECK(inserted.why() == conflict::none);
    CHECK(inserted.etag() == other);
    s.net->answer(written(other));
    CHECK(s.run(s.db.replace("k", numbered(1), given)).etag() == other);
    s.net->answer(204);
    const write_result erased = s.run(s.db.erase("k", given));
    CHECK(erased);
    CHECK(erased.etag().empty());
    REQUIRE(s.net->sent.size() == 3);
    CHECK(first_line(s.net->sent[0]) == "POST /acct/things HTTP/1.1");
    CHECK(contains(s.net->sent[0], "\r\nPrefer: return-no-content\r\n"));
    CHECK_FALSE(contains(s.net->sent[0], "If-Match"));
    CHECK(body_of(s.net->sent[0]).at("i") == 1);
    CHECK(first_line(s.net->sent[1]) == "PUT /acct/data(PartitionKey='default',RowKey='k') HTTP/1.1");
    CHECK(header(s.net->sent[1], "If-Match") == given.text());
    CHECK(first_line(s.net->sent[2]) == "DELETE /acct/data(PartitionKey='default',RowKey='k') HTTP/1.1");
    CHECK(header(s.net->sent[2], "If-Match") == given.text());
    CHECK(marks_in(s.net->sent[0]).size() == 19);
    CHECK(marks_in(s.net->sent[0]).ends_with("AAAAAAAA")); // it replaced nothing
    CHECK(marks_in(s.net->sent[1]).size() == 19);
    CHECK_FALSE(marks_in(s.net->sent[1]).ends_with("AAAAAAAA"));
}

TEST_CASE("a condition that is not met is a result") {
    scripted_store s;
    s.net->answer(409, error_body("EntityAlreadyExists"));
    const write_result exists = s.run(s.db.insert("k", {}));
    CHECK_FALSE(exists);
    CHECK(exists.why() == conflict::exists);
    CHECK(exists.etag().empty());
    for (const bool erases : {false, true}) {
        const auto write = [&] { return erases ? s.db.erase("k", given) : s.db.replace("k", {}, given); };
        s.net->answer(412, error_body("UpdateConditionNotSatisfied"));
        CHECK(s.run(write()).why() == conflict::changed);
        s.net->answer(404, error_body("ResourceNotFound"));
        CHECK(s.run(write()).why() == conflict::gone);
        s.net->answer(404, error_body("TableNotFound"));
        CHECK(s.run(write()).why() == conflict::gone);
        // What is not in the service's own words is no result.
        s.net->answer(412, "<html>");
        CHECK(failure_of([&] { static_cast<void>(s.run(write())); }).status() == 412);
    }
    CHECK(s.net->finished());
}

TEST_CASE("versions that are none are refused before anything is sent") {
    scripted_store s;
    for (const char* text : {"", "*", "abc", "W/\"a\r\nb\"", "W/\"a b\"", "\"a", "W/\"\xC3\xA4\""}) {
        CAPTURE(text);
        const error e = failure_of([&] { static_cast<void>(s.run(s.db.replace("k", {}, etag(text)))); });
        CHECK(e.code() == errc::invalid_argument);
        CHECK(contains(e.what(), "replace \"k\" in \"data\": the version is "));
        CHECK(failure_of([&] { static_cast<void>(s.run(s.db.erase("k", etag(text)))); }).code()
              == errc::invalid_argument);
    }
    const error none = failure_of([&] { static_cast<void>(s.run(s.db.replace(entry("default", "k", {})))); });
    CHECK(contains(none.what(), "replace \"k\" in \"data\": the version is empty"));
    CHECK(s.net->sent.empty());
}

TEST_CASE("an entry is written back with its types, to its own row, and carries the marks on") {
    codec::write_marks before;
    for (std::uint64_t id = 1; id <= 8; ++id) before.add(codec::write_mark(id, id));
    value stored;
    stored["when@odata.type"] = "Edm.DateTime";
    stored["when"] = "2026-01-02T03:04:05Z";
    stored["few@odata.type"] = "Edm.Int64";
    stored["few"] = "7";
    stored["n"] = 1;
    entry e = as_read(stored, before.text());
    CHECK_FALSE(e.value().contains("azkv_write"));
    CHECK(e.value().at("few") == 7);
    e.value()["n"] = 2;
    scripted_store s;
    s.net->answer(written(other));
    CHECK(s.run(s.db.in_partition("elsewhere").replace(e)));
    const std::string& sent = s.net->sent.at(0);
    CHECK(contains(first_line(sent), "(PartitionKey='default',RowKey='k')"));
    CHECK(header(sent, "If-Match") == given.text());
    const json::object body = body_of(sent);
    CHECK(body.at("when@odata.type") == "Edm.DateTime");
    CHECK(body.at("few@odata.type") == "Edm.Int64");
    CHECK(body.at("few") == "7");
    CHECK(body.at("n") == 2);
    const codec::write_marks marks(marks_in(sent));
    CHECK(marks.text().size() == 8 * 19);
    CHECK_FALSE(marks.has(1)); // the oldest
    CHECK(marks.has(8));
    CHECK_FALSE(marks.begins_with(8));

    s.net->answer(written(other)); // an unconditional write leaves none
    CHECK(s.run(s.db.put(e)) == other);
    CHECK(marks_in(s.net->sent[1]).empty());
    CHECK(body_of(s.net->sent[1]).at("when@odata.type") == "Edm.DateTime");
    CHECK_FALSE(contains(s.net->sent[1], "If-Match"));

    s.net->answer(204);
    CHECK(s.run(s.db.erase(e)));
    CHECK(header(s.net->sent[2], "If-Match") == given.text());
}

TEST_CASE("a row that another program gave a key like an escaped one is written where it is") {
    scripted_store s;
    protocol::response r;
    r.status = 200;
    r.body = R"({"value":[{"odata.etag":"W/\"1\"","PartitionKey":"p","RowKey":"a_x0041_","i":1},
                          {"odata.etag":"W/\"2\"","PartitionKey":"p","RowKey":"a_x002F_b","i":2}]})";
    s.net->answer(r);
    auto rows = s.db.query("");
    const auto foreign = s.run(rows.next());
    const auto escaped = s.run(rows.next());
    REQUIRE(foreign);
    REQUIRE(escaped);
    CHECK(escaped->key() == "a/b");
    for (int i = 0; i < 2; ++i) s.net->answer(204);
    CHECK(s.run(s.db.erase(*foreign)));
    CHECK(s.run(s.db.erase(*escaped)));
    CHECK(contains(first_line(s.net->sent[1]), "(PartitionKey='p',RowKey='a_x0041_')"));
    CHECK(contains(first_line(s.net->sent[2]), "(PartitionKey='p',RowKey='a_x002F_b')"));
}

TEST_CASE("an entry that was read with a projection is not written") {
    scripted_store s;
    s.net->answer(row({}, 1, given));
    const auto part = s.run(s.db.get_entry("k", "data", select("i")));
    REQUIRE(part);
    CHECK(part->partial());
    CHECK(contains(failure_of([&] { static_cast<void>(s.run(s.db.replace(*part))); }).what(),
                   "read with a projection"));
    CHECK(failure_of([&] { s.run(s.db.put(*part)); }).code() == errc::invalid_argument);
    s.net->answer(204);
    CHECK(s.run(s.db.erase(*part)));
}

TEST_CASE("members with the names of azkv's own properties come back") {
    scripted_store s;
    value v;
    v["azkv_write"] = "mine";
    v["azkv_expires"] = "never";
    s.net->answer(written(other));
    s.run(s.db.put("k", v));
    CHECK(body_of(s.net->sent[0]).at("_x0061_zkv_write") == "mine");
    CHECK(body_of(s.net->sent[0]).at("_x0061_zkv_expires") == "never");
    s.net->answer(200, s.net->sent[0].substr(s.net->sent[0].find("\r\n\r\n") + 4));
    CHECK(s.run(s.db.get("k")) == v);
}

TEST_CASE("after a lost response the row is read at once and our mark is success") {
    for (const bool inserts : {true, false}) {
        deciding_store s;
        s.lose();
        std::optional<write_result> result;
        // The mark is random: the answer is made of what was sent.
        s.net->answer_with([](const std::vector<std::string>& sent) { return row(marks_in(sent[0])); });
        result = inserts ? s.insert() : s.replace();
        CHECK(*result);
        CHECK(result->etag() == other);
        REQUIRE(s.net->sent.size() == 2);
        CHECK(first_line(s.net->sent[1]) == "GET /acct/data(PartitionKey='default',RowKey='k') HTTP/1.1");
    }
}

TEST_CASE("a write that was not applied so far is sent again and its later conflict is not believed") {
    deciding_store s;
    s.lose();
    s.net->answer(row({}, 5, given));
    s.net->answer(written(other));
    CHECK(s.replace().etag() == other);
    CHECK(marks_in(s.net->sent[0]) == marks_in(s.net->sent[2])); // the same write

    // The second send finds that the first has arrived meanwhile.
    deciding_store late;
    late.lose();
    late.net->answer(row({}, 5, given));
    late.net->answer(412, error_body("UpdateConditionNotSatisfied"));
    late.net->answer_with([](const std::vector<std::string>& sent) { return row(marks_in(sent[0])); });
    CHECK(late.replace());
    CHECK(late.net->finished());

    deciding_store insert;
    insert.lose();
    insert.net->answer(404, error_body("ResourceNotFound"));
    insert.net->answer(409, error_body("EntityAlreadyExists"));
    insert.net->answer_with([](const std::vector<std::string>& sent) { return row(marks_in(sent[0])); });
    CHECK(insert.insert());
    CHECK(insert.net->finished());
}

TEST_CASE("a lost race is reported as such only if another's mark proves it") {
    codec::write_marks marks;
    marks.add(codec::write_mark(7, codec::hash_of(codec::entity_key("default", "k"), given)));
    for (const bool erases : {false, true}) {
        deciding_store s;
        s.lose();
        s.net->answer(row(marks.text()));
        CHECK((erases ? s.erase() : s.replace()).why() == conflict::changed);
    }
    // Otherwise nothing is known.
    for (const protocol::response& found : {row({}), row("damaged")}) {
        deciding_store s;
        s.lose();
        s.net->answer(found);
        const error e = failure_of([&] { static_cast<void>(s.replace()); });
        CHECK(e.outcome_unknown());
        CHECK(e.code() == boost::system::error_code(asio::error::eof));
        CHECK(contains(e.what(), "it may have been applied nevertheless"));
        CHECK(s.net->finished());
    }
}

TEST_CASE("an insert is lost only to a row that is older than it") {
    deciding_store s;
    s.lose();
    s.net->answer([] {
        protocol::response r = row({}); // written at 03:04:06
        r.date = "Fri, 02 Jan 2026 04:00:00 GMT";
        return r;
    }());
    CHECK(s.insert().why() == conflict::exists);

    deciding_store young;
    young.lose();
    young.net->answer(row({}));
    CHECK(failure_of([&] { static_cast<void>(young.insert()); }).outcome_unknown());
}

TEST_CASE("an erasure whose row is gone after a lost response has an unknown outcome") {
    deciding_store s;
    s.lose();
    s.net->answer(404, error_body("ResourceNotFound"));
    const error e = failure_of([&] { static_cast<void>(s.erase()); });
    CHECK(e.outcome_unknown());
}

TEST_CASE("before an unknown outcome for want of attempts the row is read once more") {
    deciding_store s(store_options().max_attempts(2));
    s.lose();
    s.net->answer(row({}, 5, given));
    s.lose();
    s.net->answer_with([](const std::vector<std::string>& sent) { return row(marks_in(sent[0])); });
    CHECK(s.replace());
    CHECK(s.net->finished());

    deciding_store in_vain(store_options().max_attempts(2));
    for (int i = 0; i < 2; ++i) {
        in_vain.lose();
        in_vain.net->answer(row({}, 5, given));
    }
    const error e = failure_of([&] { static_cast<void>(in_vain.replace()); });
    CHECK(e.outcome_unknown());
    CHECK(contains(e.what(), "after 2 attempts"));
}

TEST_CASE("a read that decides is repeated itself, and its failure leaves the outcome unknown") {
    deciding_store s;
    s.lose();
    s.net->answer(503);
    s.net->answer_with([](const std::vector<std::string>& sent) { return row(marks_in(sent[0])); });
    CHECK(s.replace());

    for (const unsigned status : {403u, 400u, 200u}) {
        deciding_store failing;
        failing.lose();
        failing.net->answer(status, "<html>");
        const error e = failure_of([&] { static_cast<void>(failing.replace()); });
        CHECK(e.outcome_unknown());
        CHECK(e.code() == boost::system::error_code(asio::error::eof)); // that of the write
        CHECK(e.status() == 0);
    }
}

TEST_CASE("a refusal that proves nothing about an earlier send is an error") {
    deciding_store s;
    s.lose();
    s.net->answer(row({}, 5, given));
    s.net->answer(403, error_body("AuthorizationFailure"));
    const error e = failure_of([&] { static_cast<void>(s.replace()); });
    CHECK(e.code() == errc::forbidden);
    CHECK(e.outcome_unknown());
}

TEST_CASE("without write ids nothing is left in the row and only the version decides") {
    deciding_store s(store_options().write_ids(false));
    s.lose();
    s.net->answer(row({}, 5, given));
    s.net->answer(written(other));
    CHECK(s.replace());
    CHECK(marks_in(s.net->sent[0]).empty());
    deciding_store unknown(store_options().write_ids(false));
    unknown.lose();
    unknown.net->answer(row({}));
    CHECK(failure_of([&] { static_cast<void>(unknown.replace()); }).outcome_unknown());
}
