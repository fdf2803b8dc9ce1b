// A complete program: keeps a catalogue of this machine's Boost headers in a table. It reads every header of
// four Boost libraries, stores facts about it, and queries them.
//
//   04_catalogue [DIRECTORY]     the directory of Boost's headers; default: /usr/include/boost

#include <azkv.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/json/array.hpp>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace asio = boost::asio;
namespace fs = std::filesystem;

namespace {

/// Prints a headline and, when it is destroyed, how long the step took.
class step {
public:
    explicit step(const std::string& headline) { std::cout << "\n" << headline << "\n"; }

    ~step() {
        const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - begin_;
        std::cout << "  (" << std::fixed << std::setprecision(1) << took.count() << " ms)\n";
    }

private:
    std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

// Describes a header: {"library", "bytes", "lines", "share", "detail", "includes": [..]}
azkv::value describe(const fs::path& file, const std::string& library) {
    std::ifstream in(file);
    boost::json::array includes;
    std::int64_t lines = 0;
    std::int64_t comments = 0;
    for (std::string line; std::getline(in, line); ++lines) {
        if (line.starts_with("#include <")) includes.emplace_back(line.substr(10, line.find('>') - 10));
        if (line.find("//") != line.npos) ++comments;
    }
    azkv::value about;
    about["library"] = library;
    about["bytes"] = static_cast<std::int64_t>(fs::file_size(file));
    about["lines"] = lines;
    about["share"] = lines ? static_cast<double>(comments) / static_cast<double>(lines) : 0.0;
    about["detail"] = file.string().find("/detail/") != std::string::npos;
    about["includes"] = std::move(includes);
    return about;
}

std::vector<std::pair<std::string, azkv::value>> read_headers(const fs::path& boost) {
    std::vector<std::pair<std::string, azkv::value>> headers;
    for (const char* library : {"asio", "beast", "json", "url"})
        for (const fs::directory_entry& file : fs::recursive_directory_iterator(boost / library))
            if (file.is_regular_file())
                headers.emplace_back("boost/" + fs::relative(file.path(), boost).string(),
                                     describe(file.path(), library));
    return headers;
}

const std::string name = "boost headers";
const std::string favourite = "boost/asio/awaitable.hpp";

asio::awaitable<void> store_headers(azkv::store db,
                                    std::vector<std::pair<std::string, azkv::value>> headers) {
    {
        const step s("put: one header");
        const auto first =
            std::find_if(headers.begin(), headers.end(), [&](auto& h) { return h.first == favourite; });
        if (first == headers.end()) throw std::runtime_error("cannot find " + favourite);
        co_await db.put(first->first, first->second, name);
        std::cout << "  " << favourite << '\n';
    }
    {
        const step s("put_all: all " + std::to_string(headers.size()) + " of them, in transactions of 100");
        co_await db.put_all(std::move(headers), name);
    }
}

asio::awaitable<void> read_one(azkv::store db) {
    {
        const step s("get: what do we know about " + favourite + "?");
        const auto all = co_await db.get(favourite, name);
        if (!all) throw std::runtime_error("the header was not stored");
        std::cout << "  " << azkv::serialize_value(*all) << '\n';
    }
    {
        const step s("get, selecting two members");
        const auto some = co_await db.get(favourite, name, azkv::select("lines", "share"));
        if (!some || some->size() != 2) throw std::runtime_error("the members were not stored");
        std::cout << "  " << azkv::serialize_value(*some) << '\n';
    }
}

asio::awaitable<void> query_headers(azkv::store db, std::size_t count) {
    {
        const step s("query: every header, to count their lines (pages of 1,000)");
        std::int64_t lines = 0;
        std::size_t pages = 0;
        std::size_t seen = 0;
        auto rows = db.query("", name, azkv::select("lines"));
        for (;;) {
            const auto page = co_await rows.next_page();
            if (page.empty()) break;
            ++pages;
            seen += page.size();
            for (const auto& row : page) lines += row.value().at("lines").as_int64();
        }
        std::cout << "  " << seen << " headers on " << pages << " pages, " << lines << " lines\n";
        if (seen != count || pages < 2) throw std::runtime_error("the pages do not add up");
    }
    {
        const step s("query: the public headers of Beast with more than 20,000 bytes");
        std::vector<std::pair<std::int64_t, std::string>> large;
        auto rows = db.query("library eq 'beast' and detail eq false and bytes gt 20000", name);
        while (auto row = co_await rows.next())
            large.emplace_back(row->value().at("bytes").as_int64(), row->key());
        std::sort(large.rbegin(), large.rend());
        for (const auto& [bytes, key] : large)
            std::cout << "  " << std::setw(7) << bytes << "  " << key << '\n';
    }
}

asio::awaitable<void> erase_headers(azkv::store db, std::size_t count) {
    const step s("erase: everything again");
    const auto all = co_await db.get_all(name, azkv::select("lines"));
    std::size_t erased = 0;
    for (const auto& [key, value] : all) {
        const bool was_there = co_await db.erase(key, name);
        erased += was_there;
    }
    std::cout << "  " << erased << " of " << count << " erased\n";
    const auto gone = co_await db.get(favourite, name);
    std::cout << "  " << favourite << (gone ? " is still there!\n" : " is gone\n");
    if (erased != count || gone) throw std::runtime_error("not everything was erased");
}

asio::awaitable<void> catalogue(azkv::store db, std::vector<std::pair<std::string, azkv::value>> headers) {
    const std::size_t count = headers.size();
    co_await store_headers(db, std::move(headers));
    co_await read_one(db);
    co_await query_headers(db, count);
    co_await erase_headers(db, count);
}

} // namespace

int main(int argc, char** argv) {
    const char* const service = std::getenv("AZKV_CONNECTION_STRING");
    asio::io_context context;
    int result = EXIT_SUCCESS;
    try {
        auto headers = read_headers(argc > 1 ? argv[1] : "/usr/include/boost");
        auto db = azkv::store::from_connection_string(context.get_executor(),
                                                      service ? service : "UseDevelopmentStorage=true");
        asio::co_spawn(context, catalogue(db, std::move(headers)), [](std::exception_ptr failure) {
            if (failure) std::rethrow_exception(failure);
        });
        context.run();
    } catch (const std::exception& e) {
        std::cerr << e.what() << '\n';
        result = EXIT_FAILURE;
    }
    return result;
}
