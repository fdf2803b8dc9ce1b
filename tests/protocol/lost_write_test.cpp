// The rules for lost responses of conditional writes, as plain function calls.

#include "codec/entity.hpp"
#include "protocol/lost_write.hpp"
#include "support/fixtures.hpp"

#include <doctest/doctest.h>

using namespace azkv;
using namespace azkv::test;
using namespace std::chrono_literals;
using azkv::protocol::lost_write;
using azkv::protocol::response;
using verdict = lost_write::verdict;

namespace {

const codec::entity_key row_of_all("p", "r");
const etag given("W/\"datetime'2026-01-02T03%3A04%3A05.0000001Z'\"");
const etag later("W/\"datetime'2026-01-02T03%3A04%3A06.0000002Z'\"");
constexpr std::uint64_t own = 1, other = 2;

lost_write write_of(const etag& version, bool marked = true, bool old_row_wins = true) {
    lost_write::terms t;
    t.given = version;
    t.id = own;
    t.marked = marked;
    t.old_row_wins = old_row_wins;
    return lost_write("T", row_of_all, std::move(t));
}

lost_write replacement() {
    return write_of(given);
}

lost_write insertion() {
    return write_of(etag());
}

std::string marks(std::initializer_list<codec::write_mark> newest_first) {
    codec::write_marks all;
    for (auto m = std::rbegin(newest_first); m != std::rend(newest_first); ++m) all.add(*m);
    return all.text();
}

/// The row as it is read: written at 03:04:06, read at 03:04:20 unless said otherwise.
response row(const std::string& mark_texts, const etag& version = later,
             std::string date = "Fri, 02 Jan 2026 03:04:20 GMT") {
    boost::json::object o;
    o["odata.etag"] = version.text();
    o["PartitionKey"] = "p";
    o["RowKey"] = "r";
    o["Timestamp"] = "2026-01-02T03:04:06.0000002Z";
    o["n"] = 1;
    if (!mark_texts.empty()) o["azkv_write"] = mark_texts;
    response r;
    r.status = 200;
    r.date = std::move(date);
    r.body = boost::json::serialize(o);
    return r;
}

response refusal(unsigned status, const std::string& code) {
    response r;
    r.status = status;
    r.body = R"({"odata.error":{"code":")" + code + R"(","message":{"lang":"en-US","value":"m"}}})";
    return r;
}

protocol::clocks after(std::chrono::seconds s) {
    protocol::clocks c; // those of the terms are the epochs
    c.steady += s;
    c.wall += s;
    return c;
}

const response no_row = refusal(404, "ResourceNotFound");

} // namespace

TEST_CASE("the refusals that are conflicts") {
    const lost_write replaces = replacement();
    const lost_write inserts = insertion();
    const response exists = refusal(409, "EntityAlreadyExists");
    const response changed = refusal(412, "UpdateConditionNotSatisfied");
    CHECK(inserts.conflict_in(exists) == conflict::exists);
    CHECK(inserts.conflict_in(changed) == conflict::none);
    CHECK(inserts.conflict_in(no_row) == conflict::none);
    CHECK(replaces.conflict_in(exists) == conflict::none);
    CHECK(replaces.conflict_in(changed) == conflict::changed);
    CHECK(replaces.conflict_in(no_row) == conflict::gone);
    CHECK(replaces.conflict_in(refusal(404, "TableNotFound")) == conflict::gone);
    CHECK(replaces.conflict_in(refusal(409, "TableBeingDeleted")) == conflict::gone);
    CHECK(inserts.conflict_in(refusal(409, "TableBeingDeleted")) == conflict::none); // it waits for the end
    // Nothing else, and not the words of a proxy.
    for (const lost_write& w : {replaces, inserts}) {
        CHECK(w.conflict_in(refusal(403, "AuthorizationFailure")) == conflict::none);
        for (const unsigned status : {204u, 404u, 409u, 412u, 503u}) {
            response r;
            r.status = status;
            r.body = "<html>";
            CHECK(w.conflict_in(r) == conflict::none);
        }
    }
}

TEST_CASE("the read that decides is of the row at the primary") {
    const protocol::request r = replacement().question();
    CHECK(r.method == "GET");
    CHECK(r.path == "/T(PartitionKey='p',RowKey='r')");
    CHECK(r.query.empty());
    CHECK(r.only_primary);
    CHECK(r.is_dated);
}

TEST_CASE("our own mark proves that it was applied, wherever it stands") {
    for (lost_write w : {replacement(), insertion()}) {
        CHECK_FALSE(w.result());
        CHECK(w.judge(row(marks({w.mark()})), after(1s)) == verdict::applied);
        CHECK(w.result() == verdict::applied);
        CHECK(w.version(value{{"n", 1}}) == later);
        CHECK(w.judge(row(marks({{other, 7}, w.mark(), {3, 0}})), after(1s)) == verdict::applied);
        // Others have written since: a version that the row no longer has.
        CHECK(w.version(value{{"n", 1}}) != later);
        CHECK_FALSE(w.version(value{{"n", 1}}).empty());
    }
}

TEST_CASE("the version of a row whose value another program has merged is not ours") {
    lost_write w = replacement();
    CHECK(w.judge(row(marks({w.mark()})), after(1s)) == verdict::applied);
    CHECK(w.version(value{{"n", 2}}) == given);
}

TEST_CASE("another's mark that names the given version proves that it was not applied") {
    lost_write w = replacement();
    const std::uint64_t version = codec::hash_of(row_of_all, given);
    CHECK(w.judge(row(marks({{other, version}})), after(1s)) == verdict::lost);
    CHECK(w.judge(row(marks({{3, 9}, {other, version}})), after(1s)) == verdict::lost);
    lost_write unmarked = write_of(given, false); // an erasure, or without write_ids
    CHECK(unmarked.judge(row(marks({{other, version}})), after(1s)) == verdict::lost);
}

TEST_CASE("a row that still has the given version was not changed so far") {
    lost_write w = replacement();
    CHECK(w.judge(row({}, given), after(1s)) == verdict::not_so_far);
    CHECK(w.judge(row(marks({{other, 5}}), given), after(1s)) == verdict::not_so_far);
}

TEST_CASE("all other states of the row say nothing about a replacement") {
    lost_write w = replacement();
    CHECK(w.judge(row({}), after(1s)) == verdict::unknown);
    CHECK(w.judge(row(marks({{other, 5}})), after(1s)) == verdict::unknown); // not of this version
    CHECK(w.judge(row("no marks"), after(1s)) == verdict::unknown);
    CHECK(w.judge(no_row, after(1s)) == verdict::unknown);
    CHECK(w.judge(refusal(404, "TableNotFound"), after(1s)) == verdict::unknown);
    CHECK(w.judge(refusal(403, "AuthorizationFailure"), after(1s)) == verdict::unknown);
    CHECK(w.judge(refusal(500, "InternalError"), after(1s)) == verdict::unknown);
}

TEST_CASE("an insert is sent again if there is no row") {
    lost_write w = insertion();
    CHECK(w.judge(no_row, after(1s)) == verdict::not_so_far);
    CHECK(w.judge(refusal(404, "TableNotFound"), after(1s)) == verdict::not_so_far);
    response proxy;
    proxy.status = 404;
    proxy.body = "<html>";
    CHECK(w.judge(proxy, after(1s)) == verdict::unknown);
}

TEST_CASE("an insert is lost to a row that is older than its first sending by more than five seconds") {
    // The row is of 03:04:06, the response of 03:04:20.
    lost_write w = insertion();
    CHECK(w.judge(row({}), after(8s)) == verdict::lost); // sent at 03:04:12
    CHECK(w.judge(row(marks({{other, 0}})), after(8s)) == verdict::lost);
    CHECK(w.judge(row({}), after(9s)) == verdict::unknown); // 03:04:11, the margin
    CHECK(w.judge(row({}), after(20s)) == verdict::unknown);
    CHECK(w.judge(row({}, later, ""), after(1s)) == verdict::unknown); // no date
    CHECK(w.judge(row({}, later, "yesterday"), after(1s)) == verdict::unknown);
    response timeless = row({});
    timeless.body = R"({"odata.etag":"W/\"1\"","PartitionKey":"p","RowKey":"r","Timestamp":"once"})";
    CHECK(w.judge(timeless, after(1s)) == verdict::unknown);
    protocol::clocks asleep = after(1s); // while only one of the clocks went on
    asleep.wall += 60s;
    CHECK(w.judge(row({}), asleep) == verdict::unknown);
    lost_write unmarked = write_of(etag(), false);
    CHECK(unmarked.judge(row({}), after(8s)) == verdict::unknown);
    lost_write in_update = write_of(etag(), true, false);
    CHECK(in_update.judge(row({}), after(1s)) == verdict::unknown);
}

TEST_CASE("an unmarked write is not proved by any mark") {
    lost_write w = write_of(given, false);
    CHECK(w.judge(row(marks({w.mark()})), after(1s)) == verdict::unknown);
}

TEST_CASE("a response that is not the row's leaves the outcome unknown") {
    lost_write w = replacement();
    response r = row(marks({w.mark()}));
    r.body = R"({"PartitionKey":"p","RowKey":"another"})";
    CHECK(failure_of([&] { w.judge(r, after(1s)); }).code() == errc::bad_response);
    CHECK(w.result() == verdict::unknown);
}
