// Everything the emulator has acknowledged survives a kill of its process: fifty kills, each during the
// writes of several coroutines, at a random moment.
//
//   azkv-durability-test PATH-OF-azkv-emulator [SEED]

#include "support/emulator_process.hpp"
#include "support/temporary_directory.hpp"

#include <azkv.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <map>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace azkv;
using namespace azkv::test;
namespace asio = boost::asio;

namespace {

constexpr int kills = 50;
constexpr int writers = 12;
constexpr std::size_t batch_rows = 20;

void require(bool holds, const std::string& otherwise) {
    if (!holds) throw std::runtime_error(otherwise);
}

/// Rows that are written together, and what is known of them.
class group {
public:
    group(std::string name, std::size_t rows) : name(std::move(name)), rows(rows) {}

    std::string key(std::size_t row) const { return name + (row < 10 ? "-0" : "-") + std::to_string(row); }

    std::string name;
    std::size_t rows;
    int version = 0;                   // the last one acknowledged; 0: no rows
    std::optional<int> tried;          // a later one that may or may not have been written
    std::map<std::string, etag> etags; // by key: those of `version`, as far as they were seen
};

/// The value of a row contains its version; its length depends on the version, too.
value make_value(int version, std::size_t row) {
    const std::size_t length = (static_cast<std::size_t>(version) * 7919 + row * 104'729) % 3000;
    value v;
    v["version"] = version;
    v["text"] = std::string(length, static_cast<char>('a' + version % 26));
    return v;
}

using rows_by_group = std::map<std::string, std::vector<entry>>;

std::string group_of(const std::string& key) {
    return key.substr(0, key.rfind('-'));
}

/// Returns the version of the rows found, which must be the same in each, and all of them or none.
int version_of(const group& g, const std::vector<entry>& found) {
    if (found.empty()) return 0;
    require(found.size() == g.rows, "torn: " + g.name + " has " + std::to_string(found.size()) + " rows of "
                                        + std::to_string(g.rows));
    const auto version = found.front().value().at("version").to_number<int>();
    for (std::size_t row = 0; row < g.rows; ++row) {
        const bool whole = found[row].key() == g.key(row) && found[row].value() == make_value(version, row);
        require(whole, "torn: " + found[row].key() + " is not of version " + std::to_string(version));
    }
    return version;
}

class statistics {
public:
    int puts = 0; // acknowledged
    int batches = 0;
    int erasures = 0;
    int unknown = 0;
    int unknown_applied = 0;
};

/// The client's side of the test, which outlives all servers.
class tester {
public:
    explicit tester(unsigned seed) : random_(seed) {
        for (int w = 0; w < writers; ++w)
            for (int i = 0; i < groups_of_writer; ++i)
                groups_.emplace_back("w" + std::to_string(10 + w) + "g" + std::to_string(i),
                                     i < singles_of_writer ? 1 : batch_rows);
    }

    const statistics& numbers() const { return numbers_; }

    /// Writes until the server is killed.
    void load(emulator_process& server) {
        asio::io_context context(1);
        store db = connect(context, server);
        asio::steady_timer until_kill(context);
        killed_ = false;
        first_version_ = last_version_ + 1;
        at_first_ = [&] {
            until_kill.expires_after(std::chrono::microseconds(pick(5'000, 60'000)));
            until_kill.async_wait([&](const boost::system::error_code&) {
                killed_ = true;
                server.kill();
            });
        };
        std::exception_ptr failure;
        for (int w = 0; w < writers; ++w)
            asio::co_spawn(context, write(db, w), [&](std::exception_ptr e) {
                if (e && !failure) failure = e;
            });
        context.run();
        if (failure) std::rethrow_exception(failure);
    }

    /// Compares the stored rows with what is known, and takes them as known from then on.
    void check(const emulator_process& server) {
        asio::io_context context(1);
        store db = connect(context, server);
        std::exception_ptr failure;
        rows_by_group found;
        asio::co_spawn(context, read(db, "", found), [&](std::exception_ptr e) { failure = e; });
        context.run();
        if (failure) std::rethrow_exception(failure);

        auto newest = newest_;
        for (group& g : groups_) {
            const std::vector<entry>& rows = found[g.name];
            const int version = version_of(g, rows);
            require(version == g.version || version == g.tried,
                    g.name + " is of version " + std::to_string(version) + ", not "
                        + std::to_string(g.version)
                        + (g.tried ? " or " + std::to_string(*g.tried) : std::string()));
            if (g.tried && version == *g.tried) {
                ++numbers_.unknown_applied;
                g.etags.clear();
            }
            g.version = version;
            g.tried.reset();
            for (const entry& e : rows) {
                check_time(g, e);
                newest = std::max(newest, e.timestamp());
            }
            found.erase(g.name);
        }
        require(found.empty(), "rows that nobody wrote");
        newest_ = newest;
    }

private:
    static constexpr int singles_of_writer = 6;
    static constexpr int groups_of_writer = 8;

    static store connect(asio::io_context& context, const emulator_process& server) {
        return store::from_connection_string(context.get_executor(), server.connection_string(),
                                             store_options().max_attempts(1));
    }

    int pick(int first, int last) { return std::uniform_int_distribution(first, last)(random_); }

    asio::awaitable<void> write(store db, int writer) {
        for (;;) {
            group& g =
                groups_[static_cast<std::size_t>(writer * groups_of_writer + pick(0, groups_of_writer - 1))];
            const bool erases = g.rows == 1 && pick(0, 3) == 0;
            const bool reads = pick(0, 3) == 0;
            const int version = ++last_version_;
            try {
                g.tried = erases ? 0 : version;
                if (erases) {
                    co_await db.erase(g.key(0), collection_);
                    ++numbers_.erasures;
                } else if (g.rows == 1) {
                    value v = make_value(version, 0);
                    co_await db.put(g.key(0), std::move(v), collection_);
                    ++numbers_.puts;
                } else {
                    std::vector<std::pair<std::string, value>> pairs;
                    for (std::size_t row = 0; row < g.rows; ++row)
                        pairs.emplace_back(g.key(row), make_value(version, row));
                    co_await db.put_all(std::move(pairs), collection_);
                    ++numbers_.batches;
                }
            } catch (const boost::system::system_error&) {
                if (!killed_) throw;
                ++numbers_.unknown;
                co_return;
            }
            g.version = *g.tried;
            g.tried.reset();
            g.etags.clear();
            if (at_first_) std::exchange(at_first_, nullptr)();
            if (!reads) continue;

            rows_by_group found;
            std::string filter = "PartitionKey eq 'default' and RowKey ge '" + g.name + "-' and RowKey lt '"
                                 + g.name + ".'"; // a dot sorts after the hyphen
            try {
                co_await read(db, std::move(filter), found);
            } catch (const boost::system::system_error&) {
                if (!killed_) throw;
                co_return;
            }
            require(version_of(g, found[g.name]) == g.version, "unlike what was just written: " + g.name);
            for (const entry& e : found[g.name]) check_time(g, e);
        }
    }

    asio::awaitable<void> read(store db, std::string filter, rows_by_group& found) {
        auto rows = db.query(std::move(filter), collection_);
        while (auto e = co_await rows.next()) {
            std::string name = group_of(e->key());
            found[name].push_back(std::move(*e));
        }
    }

    /// What was seen of a version stays; what was written since the last kill is newer than all before.
    void check_time(group& g, const entry& e) {
        const auto seen = g.etags.find(e.key());
        require(seen == g.etags.end() || seen->second == e.etag(), "another etag than before: " + e.key());
        require(g.version < first_version_ || e.timestamp() > newest_, "older than before: " + e.key());
        g.etags[e.key()] = e.etag();
    }

    const std::string collection_ = "durable";
    std::mt19937 random_;
    std::vector<group> groups_;
    int last_version_ = 0;
    int first_version_ = 0;                        // since the last kill
    std::chrono::system_clock::time_point newest_; // of all rows at the last check
    bool killed_ = false;
    std::function<void()> at_first_; // called at the first acknowledgement of a server
    statistics numbers_;
};

} // namespace

int main(int argc, char** argv) {
    if (argc < 2) {
        std::fprintf(stderr, "usage: %s PATH-OF-azkv-emulator [SEED]\n", argv[0]);
        return 2;
    }
    const unsigned seed =
        argc > 2 ? static_cast<unsigned>(std::strtoul(argv[2], nullptr, 10)) : std::random_device()();
    std::printf("seed %u\n", seed);
    std::fflush(stdout);
    int round = 0;
    try {
        const temporary_directory directory;
        const std::vector<std::string> arguments{"--directory", directory.path()};
        tester t(seed);
        const statistics& n = t.numbers();
        const auto tells = [&] {
            return n.puts > kills && n.batches > kills && n.erasures > kills && n.unknown > kills;
        };
        for (; round < kills || (!tells() && round < 10 * kills); ++round) { // a busy machine does little
            emulator_process server(argv[1], arguments);
            if (round > 0) t.check(server);
            t.load(server);
        }
        const emulator_process server(argv[1], arguments);
        t.check(server);
        std::printf("%d kills: %d puts, %d batches and %d erasures acknowledged; of %d more %d were done\n",
                    round, n.puts, n.batches, n.erasures, n.unknown, n.unknown_applied);
        require(tells(), "too little happened to tell anything");
        return EXIT_SUCCESS;
    } catch (const std::exception& e) {
        std::fprintf(stderr, "after %d kills: %s\n", round, e.what());
        return EXIT_FAILURE;
    }
}
