#include "emulator/sqlite.hpp"
#include "emulator/storage.hpp"
#include "support/temporary_directory.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>
#include <random>
#include <stdexcept>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>
#include <vector>

using namespace azkv::emulation;
using namespace std::string_literals;

namespace {

using keys = std::pair<std::string, std::string>;

class directory : public azkv::test::temporary_directory {
public:
    std::string database() const { return path() + "/tables.db"; }
};

record make(std::string partition_key, std::string row_key, std::int64_t timestamp = 1,
            std::string properties = "") {
    record r;
    r.partition_key = std::move(partition_key);
    r.row_key = std::move(row_key);
    r.timestamp = timestamp;
    r.properties = std::move(properties);
    return r;
}

storage::table_id new_table(storage& s, const std::string& name = "t") {
    REQUIRE(s.create_table(name, true));
    return s.find_table(name, true).value();
}

constexpr auto all = std::size_t{1000};
constexpr std::int64_t ahead = 1'000'000; // how far ahead the clock may be, in ticks

std::vector<keys> scan(storage& s, storage::table_id table, const key_range& range = {},
                       const std::optional<keys>& from = std::nullopt, std::size_t at_most = all) {
    std::vector<keys> found;
    s.scan(table, range, from, [&](record&& r) {
        found.emplace_back(std::move(r.partition_key), std::move(r.row_key));
        return found.size() < at_most;
    });
    return found;
}

std::vector<keys> scan_unsorted(storage& s, storage::table_id table, const key_range& range = {},
                                std::int64_t from = 0, std::size_t at_most = all) {
    std::vector<keys> found;
    s.scan_unsorted(table, range, from, [&](record&& r) {
        found.emplace_back(std::move(r.partition_key), std::move(r.row_key));
        return found.size() < at_most;
    });
    return found;
}

key_range within(std::string partition_key, std::string first, std::optional<std::string> last) {
    key_range range;
    range.partition_key = std::move(partition_key);
    range.first_row_key = std::move(first);
    range.last_row_key = std::move(last);
    return range;
}

key_range between(std::string first, std::optional<std::string> last) {
    key_range range;
    range.first_partition_key = std::move(first);
    range.last_partition_key = std::move(last);
    return range;
}

std::string failure_of_opening(const std::string& path) {
    try {
        storage s(path);
    } catch (const std::runtime_error& e) {
        return e.what();
    }
    return "";
}

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != text.npos;
}

} // namespace

TEST_CASE("emulator storage: what is put is found") {
    storage s("");
    const auto t = new_table(s);
    CHECK_FALSE(s.find(t, "p", "r"));
    s.put(t, make("p", "r", 7, R"("a":1,"b":"é\u0000x")"));
    const auto found = s.find(t, "p", "r");
    REQUIRE(found);
    CHECK(found->partition_key == "p");
    CHECK(found->row_key == "r");
    CHECK(found->timestamp == 7);
    CHECK(found->properties == R"("a":1,"b":"é\u0000x")");
    CHECK_FALSE(s.find(t, "p", "R"));
    CHECK_FALSE(s.find(t, "pr", ""));
    CHECK_FALSE(s.find(new_table(s, "u"), "p", "r"));

    s.put(t, make("p", "r", 8, R"("c":2)"));
    CHECK(s.find(t, "p", "r")->properties == R"("c":2)");
    CHECK(s.find(t, "p", "r")->timestamp == 8);
    CHECK(scan(s, t).size() == 1);

    s.erase(t, "p", "r");
    s.erase(t, "p", "r");
    CHECK_FALSE(s.find(t, "p", "r"));
}

TEST_CASE("emulator storage: keys of any kind sort by UTF-16") {
    storage s("");
    const auto t = new_table(s);
    const std::vector<std::string> sorted{"",       "\0"s,    "\0\0"s, "\0a"s, "A", "Z",      "a",
                                          "a\0"s,   "a\0b"s,  "aa",    "b",    "é", "\uD7FF", "\U00010000",
                                          "😀", // D83D DE00
                                          "\uE000", "\uFF00", "\uFFFF"};
    std::vector<keys> expected;
    for (const std::string& p : sorted)
        for (const std::string& r : sorted) expected.emplace_back(p, r);
    std::vector<keys> shuffled = expected;
    std::shuffle(shuffled.begin(), shuffled.end(), std::mt19937(1));
    for (const auto& [p, r] : shuffled) s.put(t, make(p, r, 1, p + '/' + r));

    CHECK(scan(s, t) == expected);
    CHECK(scan_unsorted(s, t) == shuffled);
    for (const auto& [p, r] : expected) {
        const auto found = s.find(t, p, r);
        REQUIRE(found);
        CHECK(found->properties == p + '/' + r);
    }
    for (std::size_t i = 0; i < expected.size(); i += 7)
        CHECK(scan(s, t, {}, expected[i])
              == std::vector(expected.begin() + static_cast<long>(i), expected.end()));
    const auto emoji_on = scan(s, t, between("😀", "\uE000"));
    CHECK(emoji_on.size() == 2 * sorted.size());
    CHECK(emoji_on.front() == keys("😀", ""));
}

TEST_CASE("emulator storage: a scan stays in its range") {
    storage s("");
    const auto t = new_table(s);
    const auto other = new_table(s, "other");
    for (const char* p : {"c", "a", "b"})
        for (const char* r : {"2", "1", "3"}) {
            s.put(t, make(p, r));
            s.put(other, make(p, r));
        }
    using list = std::vector<keys>;
    CHECK(scan(s, t, within("b", "", std::nullopt)) == list{{"b", "1"}, {"b", "2"}, {"b", "3"}});
    CHECK(scan(s, t, within("b", "2", std::nullopt)) == list{{"b", "2"}, {"b", "3"}});
    CHECK(scan(s, t, within("b", "1a", "2")) == list{{"b", "2"}});
    CHECK(scan(s, t, within("b", "", "1")) == list{{"b", "1"}});
    CHECK(scan(s, t, within("b", "3", "1")).empty());
    CHECK(scan(s, t, within("bb", "", std::nullopt)).empty());
    CHECK(scan(s, t, between("b", std::nullopt)).size() == 6);
    CHECK(scan(s, t, between("", "a")) == list{{"a", "1"}, {"a", "2"}, {"a", "3"}});
    CHECK(scan(s, t, between("a1", "b")).size() == 3);
    CHECK(scan(s, t, between("d", std::nullopt)).empty());
    CHECK(scan(s, t).size() == 9);

    // From a position on: within the range, before and after it.
    CHECK(scan(s, t, {}, keys("b", "3")) == list{{"b", "3"}, {"c", "1"}, {"c", "2"}, {"c", "3"}});
    CHECK(scan(s, t, {}, keys("b", "4")) == list{{"c", "1"}, {"c", "2"}, {"c", "3"}});
    CHECK(scan(s, t, within("b", "2", "3"), keys("b", "3")) == list{{"b", "3"}});
    CHECK(scan(s, t, within("b", "2", "3"), keys("a", "9")) == list{{"b", "2"}, {"b", "3"}});
    CHECK(scan(s, t, within("b", "2", "3"), keys("b", "1")) == list{{"b", "2"}, {"b", "3"}});
    CHECK(scan(s, t, within("b", "2", "3"), keys("c", "")).empty());
    CHECK(scan(s, t, {}, std::nullopt, 2) == list{{"a", "1"}, {"a", "2"}});

    CHECK(scan_unsorted(s, t, within("b", "2", "3")) == list{{"b", "2"}, {"b", "3"}});
    CHECK(scan_unsorted(s, t, within("b", "", std::nullopt)) == list{{"b", "2"}, {"b", "1"}, {"b", "3"}});
    CHECK(scan_unsorted(s, t, within("b", "2", "2")) == list{{"b", "2"}});
    CHECK(scan_unsorted(s, t, within("b", "9", "9")).empty());
    CHECK(scan_unsorted(s, t, between("b", "b")) == list{{"b", "2"}, {"b", "1"}, {"b", "3"}});
    CHECK(scan_unsorted(s, t, between("c", std::nullopt)) == list{{"c", "2"}, {"c", "1"}, {"c", "3"}});
}

TEST_CASE("emulator storage: unsorted is the order of the first writes") {
    storage s("");
    const auto t = new_table(s);
    for (const char* r : {"x", "b", "y", "a"}) s.put(t, make("p", r));
    s.put(t, make("p", "x", 2, "again"));
    s.erase(t, "p", "b");
    s.put(t, make("p", "b"));
    using list = std::vector<keys>;
    CHECK(scan_unsorted(s, t) == list{{"p", "x"}, {"p", "y"}, {"p", "a"}, {"p", "b"}});

    std::vector<std::int64_t> positions;
    s.scan_unsorted(t, {}, 0, [&](record&& r) {
        positions.push_back(r.position);
        return true;
    });
    REQUIRE(positions.size() == 4);
    CHECK(scan_unsorted(s, t, {}, positions[1]) == list{{"p", "y"}, {"p", "a"}, {"p", "b"}});
    CHECK(scan_unsorted(s, t, {}, positions[1] + 1, 1) == list{{"p", "a"}});
    CHECK(scan_unsorted(s, t, {}, positions[3] + 1).empty());
    CHECK(scan_unsorted(s, t, within("p", "y", "y"), positions[1]).size() == 1);
    CHECK(scan_unsorted(s, t, within("p", "y", "y"), positions[1] + 1).empty());
    CHECK(s.find(t, "p", "a")->position == positions[2]);
}

TEST_CASE("emulator storage: a visitor may find and may throw") {
    storage s("");
    const auto t = new_table(s);
    for (const char* r : {"1", "2", "3"}) s.put(t, make("p", r));
    int found = 0;
    s.scan(t, {}, std::nullopt, [&](record&& r) {
        found += s.find(t, r.partition_key, "2").has_value();
        return true;
    });
    CHECK(found == 3);
    const auto thrower = [](record&&) -> bool { throw std::logic_error("x"); };
    CHECK_THROWS_AS(s.scan(t, {}, std::nullopt, thrower), std::logic_error);
    CHECK_THROWS_AS(s.scan_unsorted(t, {}, 0, thrower), std::logic_error);
    CHECK(scan(s, t).size() == 3);
    s.delete_table(t); // no statement stays open
}

TEST_CASE("emulator storage: names of tables with and without case") {
    storage s("");
    CHECK(s.create_table("Table", false));
    CHECK_FALSE(s.create_table("tABLE", false));
    CHECK(s.find_table("TABLE", false) == s.find_table("Table", true));
    CHECK(s.find_table("TABLE", false));
    CHECK_FALSE(s.find_table("TABLE", true));
    CHECK_FALSE(s.find_table("Tables", false));

    CHECK(s.create_table("tABLE", true));
    CHECK_FALSE(s.create_table("tABLE", true));
    CHECK(s.find_table("tABLE", true) != s.find_table("Table", true));
    CHECK(s.create_table("É", true)); // only ASCII has case
    CHECK_FALSE(s.find_table("é", false));

    CHECK(s.create_table("b2", false));
    CHECK(s.create_table("A1", false));
    CHECK(s.create_table("c3", false));
    using list = std::vector<std::string>;
    CHECK(s.tables("", all) == list{"A1", "b2", "c3", "Table", "tABLE", "É"});
    CHECK(s.tables("", 2) == list{"A1", "b2"});
    CHECK(s.tables("B2", 1) == list{"b2"});
    CHECK(s.tables("c3", 2) == list{"c3", "Table"});
    CHECK(s.tables("Table", 1) == list{"Table"});
    CHECK(s.tables("tABLE", 1) == list{"tABLE"});
    CHECK(s.tables("", std::size_t(-1)).size() == 6);
    CHECK(s.tables("", 0).empty());
}

TEST_CASE("emulator storage: deleting a table deletes its contents") {
    storage s("");
    const auto t = new_table(s), other = new_table(s, "other");
    for (int i = 0; i < 1234; ++i) { // in more than one piece
        s.put(t, make("p", std::to_string(i), i + 1));
        if (i % 100 == 0) s.put(other, make("p", std::to_string(i)));
    }
    s.set_access_policies(t, "<x/>");
    CHECK(s.access_policies(t) == "<x/>");
    CHECK(s.access_policies(other).empty());
    s.delete_table(t);
    CHECK_FALSE(s.find_table("t", false));
    CHECK(s.tables("", all) == std::vector<std::string>{"other"});
    CHECK(s.last_timestamp() >= 1234);
    CHECK(scan(s, other).size() == 13);
    CHECK(scan(s, t).empty());

    const auto again = new_table(s);
    CHECK(again != t);
    CHECK(scan(s, again).empty());
    CHECK(s.access_policies(again).empty());
}

TEST_CASE("emulator storage: the last timestamp survives the deletion of its row") {
    storage s("");
    const auto t = new_table(s);
    CHECK(s.last_timestamp() == 0);
    s.put(t, make("p", "a", 5));
    const auto first = s.last_timestamp();
    CHECK(first >= 5);
    CHECK(first <= 5 + ahead);
    s.put(t, make("p", "b", 9));
    CHECK(s.last_timestamp() == first);
    s.put(t, make("p", "a", first + 1));
    const auto second = s.last_timestamp();
    CHECK(second >= first + 1);
    CHECK(second <= first + 1 + ahead);
    s.erase(t, "p", "a");
    CHECK(s.last_timestamp() == second);
    {
        storage::transaction undone(s);
        s.put(t, make("p", "b", second + 1));
        CHECK(s.last_timestamp() > second);
    }
    CHECK(s.last_timestamp() == second);
}

TEST_CASE("emulator storage: a transaction is all or nothing") {
    storage s("");
    const auto t = new_table(s);
    s.put(t, make("p", "kept", 1, "old"));
    s.put(t, make("p", "erased"));
    {
        storage::transaction undone(s);
        s.put(t, make("p", "kept", 2, "new"));
        s.put(t, make("p", "added", 3));
        s.erase(t, "p", "erased");
        CHECK(s.create_table("u", true));
        CHECK(scan(s, t).size() == 2);
    }
    CHECK(scan(s, t) == std::vector<keys>{{"p", "erased"}, {"p", "kept"}});
    CHECK(s.find(t, "p", "kept")->properties == "old");
    CHECK_FALSE(s.find_table("u", true));
    {
        storage::transaction done(s);
        s.put(t, make("p", "added", 3));
        s.erase(t, "p", "erased");
        CHECK_THROWS_AS(storage::transaction{s}, std::runtime_error); // not nested
        done.commit();
    }
    CHECK(scan(s, t) == std::vector<keys>{{"p", "added"}, {"p", "kept"}});
}

TEST_CASE("emulator storage: a directory keeps everything") {
    const directory d;
    const std::string path = d.path() + "/made/on the way";
    {
        storage s(path);
        const auto t = new_table(s, "Kept");
        s.set_access_policies(t, "policies");
        s.put(t, make("p", "b", 5, "B"));
        s.put(t, make("p", "a", 6, "A"));
        s.put(t, make("p", "gone", 7));
        s.erase(t, "p", "gone");
        const storage::transaction unfinished(s);
        s.put(t, make("p", "never"));
    }
    storage s(path);
    const auto t = s.find_table("kept", false);
    REQUIRE(t);
    CHECK(s.tables("", all) == std::vector<std::string>{"Kept"});
    CHECK(s.access_policies(*t) == "policies");
    CHECK(s.find(*t, "p", "a")->properties == "A");
    CHECK(scan_unsorted(s, *t) == std::vector<keys>{{"p", "b"}, {"p", "a"}});
    CHECK(s.last_timestamp() >= 7);
    CHECK(s.last_timestamp() <= 7 + ahead);
}

TEST_CASE("emulator storage: a directory has one emulator") {
    const directory d;
    int opened[2];
    REQUIRE(pipe(opened) == 0);
    const pid_t other_process = fork(); // while SQLite has no state that it would share
    REQUIRE(other_process >= 0);
    if (other_process == 0) {
        char told = 0;
        const bool in_time = read(opened[0], &told, 1) == 1;
        _exit(in_time && contains(failure_of_opening(d.path()), "another emulator") ? 0 : 1);
    }
    {
        const storage first(d.path());
        REQUIRE(write(opened[1], "", 1) == 1);
        int status = -1;
        REQUIRE(waitpid(other_process, &status, 0) == other_process);
        CHECK(status == 0);

        const std::string failure = failure_of_opening(d.path());
        CHECK(contains(failure, "is in use by another emulator"));
        CHECK(contains(failure, d.path()));
        const storage memory(""), more(""); // these share nothing
    }
    CHECK(failure_of_opening(d.path()).empty());
    close(opened[0]);
    close(opened[1]);
}

TEST_CASE("emulator storage: what is not the emulator's database is rejected and unchanged") {
    const directory d;
    const auto content = [&] {
        std::ifstream file(d.database(), std::ios::binary);
        return std::string(std::istreambuf_iterator<char>(file), {});
    };
    SUBCASE("a text") {
        std::ofstream(d.database()) << std::string(5000, 'x');
        CHECK(contains(failure_of_opening(d.path()), "not a database"));
        CHECK(content() == std::string(5000, 'x'));
    }
    SUBCASE("another program's database") {
        sqlite::database(d.database()).execute("CREATE TABLE notes(text)");
        const std::string before = content();
        CHECK(contains(failure_of_opening(d.path()), "is not a database of the emulator"));
        CHECK(contains(failure_of_opening(d.path()), d.database()));
        CHECK(content() == before);
    }
    SUBCASE("a later version's database") {
        storage(d.path()).create_table("t", true);
        sqlite::database(d.database()).execute("PRAGMA user_version = 2");
        CHECK(contains(failure_of_opening(d.path()), "has version 2"));
    }
    SUBCASE("no directory") {
        std::ofstream(d.path() + "/file") << "x";
        CHECK_FALSE(failure_of_opening(d.path() + "/file").empty());
    }
    SUBCASE("an empty file is new") {
        std::ofstream(d.database()) << "";
        CHECK(failure_of_opening(d.path()).empty());
    }
}

TEST_CASE("emulator storage: the next opener finishes a deletion") {
    const directory d;
    {
        storage s(d.path());
        const auto t = new_table(s), kept = new_table(s, "kept");
        s.put(t, make("p", "r"));
        s.put(kept, make("p", "r"));
    }
    // The state after the process ends between the first piece and the second.
    sqlite::database(d.database()).execute("UPDATE tables SET name = NULL WHERE name = 't'");
    {
        storage s(d.path());
        CHECK(s.tables("", all) == std::vector<std::string>{"kept"});
        CHECK(scan(s, s.find_table("kept", true).value()).size() == 1);
    }
    sqlite::database db(d.database());
    sqlite::statement rows(db, "SELECT count(*) FROM entities");
    sqlite::execution counted(rows);
    REQUIRE(counted.step());
    CHECK(counted.integer(0) == 1);
}
