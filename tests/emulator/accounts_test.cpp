#include "emulator/accounts.hpp"
#include "emulator/storage.hpp"
#include "protocol/connection_string.hpp"
#include "support/run.hpp"
#include "support/temporary_directory.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <stdexcept>
#include <string>
#include <utility>

using namespace azkv;
using namespace azkv::emulation;
using namespace azkv::test;

namespace {

std::string any_key() {
    return std::string(protocol::development_account().key.reveal());
}

emulator_options two_accounts(service_mode mode = service_mode::storage) {
    return emulator_options().mode(mode).account("one", any_key()).add_account("two", any_key());
}

std::string serving(accounts& all, std::string target, std::string host, std::string authorization = {}) {
    request r;
    r.method = "GET";
    r.target = std::move(target);
    r.headers = {{"Host", std::move(host)}, {"Authorization", std::move(authorization)}};
    return all.serving(r).account();
}

bool has_table(const std::string& directory, std::string_view name) {
    return storage(directory).find_table(name, false).has_value();
}

// As an emulator that knew a single account left it.
void leave_tables(const std::string& directory, std::string_view mode) {
    storage kept(directory);
    kept.set_setting("mode", mode);
    kept.create_table("old", false);
}

} // namespace

TEST_CASE("the account of a request is in its path or its host") {
    accounts all(two_accounts());
    const std::string ip = "127.0.0.1:10002";
    CHECK(serving(all, "/one/T", ip) == "one");
    CHECK(serving(all, "/two/T()", ip) == "two");
    CHECK(serving(all, "/two?comp=properties", ip) == "two");
    CHECK(serving(all, "/two-secondary/T", ip) == "two");
    CHECK(serving(all, "/T", "two.localhost:10002") == "two");
    CHECK(serving(all, "/T", "two-secondary.table.example") == "two");
    CHECK(serving(all, "/one", "two.localhost") == "two"); // a table of that name
    CHECK(serving(all, "/T", "TWO.Localhost") == "two");
    CHECK(serving(all, "/two/T", "emulator.example:10002") == "two");
    CHECK(serving(all, "//two/T", ip) == "one");
    // The first one rejects what is none's; in storage mode the key says nothing.
    CHECK(serving(all, "/three/T", ip) == "one");
    CHECK(serving(all, "/two2/T", ip) == "one");
    CHECK(serving(all, "/", ip) == "one");
    CHECK(serving(all, "", "") == "one");
    CHECK(serving(all, "/T", ip, "SharedKey two:x") == "one");
}

TEST_CASE("in cosmos mode the account of a request is in its host or signs it") {
    accounts all(two_accounts(service_mode::cosmos));
    CHECK(serving(all, "/T", "localhost:10002", "SharedKey two:x") == "two");
    CHECK(serving(all, "/T", "localhost:10002", "SharedKeyLite two:x") == "two");
    CHECK(serving(all, "/T", "two.localhost:10002") == "two");
    CHECK(serving(all, "/T", "two.localhost:10002", "SharedKey one:x") == "two");
    CHECK(serving(all, "/two", "localhost:10002") == "one"); // a table of that name
    for (const char* none :
         {"", "SharedKey", "SharedKey ", "SharedKey three:x", "Bearer two:x", "SharedKeytwo"})
        CHECK(serving(all, "/T", "localhost", none) == "one");
}

TEST_CASE("each account has a folder in the directory") {
    const temporary_directory there;
    { const accounts all(two_accounts().directory(there.path())); }
    CHECK(std::filesystem::exists(there.path() + "/one/tables.db"));
    CHECK(std::filesystem::exists(there.path() + "/two/tables.db"));
    CHECK_FALSE(std::filesystem::exists(there.path() + "/tables.db"));
}

TEST_CASE("a directory that another mode or an account has used twice is refused") {
    const auto why = [](const emulator_options& o) {
        try {
            const accounts all(o);
        } catch (const std::runtime_error& e) {
            return std::string(e.what());
        }
        return std::string();
    };
    const temporary_directory there;
    { const accounts all(emulator_options().account("devstoreaccount1", any_key()).directory(there.path())); }
    // The accounts of the two modes have other names, so that nothing would be found.
    CHECK(contains(why(emulator_options()
                           .mode(service_mode::cosmos)
                           .account("localhost", any_key())
                           .directory(there.path())),
                   "has the tables of an emulator in storage mode"));
    CHECK(why(emulator_options().account("other", any_key()).directory(there.path())).empty());

    const temporary_directory twice;
    { const accounts all(two_accounts().directory(twice.path())); }
    leave_tables(twice.path(), "storage");
    CHECK(contains(why(two_accounts().directory(twice.path())),
                   R"(has the tables of the account "one" twice)"));
}

TEST_CASE("tables of an earlier version belong to the first account from then on") {
    const temporary_directory there;
    leave_tables(there.path(), "storage");
    // An emulator that cannot serve them does not claim them.
    CHECK_THROWS_AS(accounts(emulator_options()
                                 .mode(service_mode::cosmos)
                                 .account("three", any_key())
                                 .directory(there.path())),
                    std::runtime_error);
    { const accounts all(two_accounts().directory(there.path())); }
    CHECK(has_table(there.path(), "old"));
    CHECK_FALSE(std::filesystem::exists(there.path() + "/one"));
    CHECK(std::filesystem::exists(there.path() + "/two/tables.db"));
    {
        const accounts all(emulator_options()
                               .account("two", any_key())
                               .add_account("one", any_key())
                               .directory(there.path()));
    }
    CHECK_FALSE(std::filesystem::exists(there.path() + "/one"));
    try {
        const accounts all(emulator_options().account("two", any_key()).directory(there.path()));
        FAIL("the tables are ignored");
    } catch (const std::runtime_error& e) {
        CHECK(contains(e.what(), R"(has the tables of the account "one", which is none of)"));
    }
}

TEST_CASE("an account is given once") {
    const auto e = failure_of([] { const accounts all(two_accounts().add_account("one", any_key())); });
    CHECK(e.code() == errc::invalid_argument);
    CHECK(contains(e.what(), R"(the account "one" is given twice)"));
}
