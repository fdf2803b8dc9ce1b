// azkv: key-value operations from the shell.

#include "progress.hpp"

#include <azkv.hpp>

#include <CLI/CLI.hpp>
#include <boost/json/serialize.hpp>

#include <chrono>
#include <cmath>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <functional>
#include <iostream>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace json = boost::json;

namespace {

enum exit_code { success = 0, absent = 1, usage = 2, service = 3 };

/// Invalid input, found before it is sent to the service.
class input_error : public std::runtime_error {
    using runtime_error::runtime_error;
};

/// Output that cannot be written.
class output_error : public std::runtime_error {
    using runtime_error::runtime_error;
};

class arguments {
public:
    std::optional<std::string> connection_string; // unset: the emulator's
    std::optional<std::string> endpoint;          // with the default identity, instead of a connection string
    std::string ca_file;
    std::string mode;
    std::optional<std::string> partition;
    std::optional<double> timeout; // seconds
    std::string key;
    std::string text; // JSON, a file name or a filter
    std::string collection = azkv::default_collection;
    std::vector<std::string> select;
};

// Used if the caller names no service. The notice makes a forgotten variable visible.
azkv::blocking_store open_emulator(const azkv::store_options& options) {
    std::cerr << "azkv: no connection string given; using the emulator at "
                 "http://127.0.0.1:10002/devstoreaccount1\n";
    return azkv::blocking_store::from_connection_string("UseDevelopmentStorage=true", options);
}

azkv::blocking_store open(const arguments& a) {
    azkv::store_options options;
    if (!a.mode.empty())
        options.mode(a.mode == "cosmos" ? azkv::service_mode::cosmos : azkv::service_mode::storage);
    if (a.partition) options.partition(*a.partition);
    if (a.timeout) options.timeout(std::chrono::milliseconds(std::llround(*a.timeout * 1000)));
    if (!a.ca_file.empty()) options.tls(azkv::tls_options().ca_file(a.ca_file));
    if (a.endpoint) return azkv::blocking_store::from_aad_token(*a.endpoint, options);
    if (!a.connection_string && a.mode == "cosmos")
        throw input_error("--mode cosmos needs a connection string; azkv-emulator prints its own");
    if (!a.connection_string) return open_emulator(options);
    return azkv::blocking_store::from_connection_string(*a.connection_string, options);
}

void print_line(const json::object& line) {
    if (!(std::cout << azkv::serialize_value(line) << '\n'))
        throw output_error("cannot write to standard output");
}

json::object pair_line(const std::string& key, azkv::value value) {
    json::object line;
    line["key"] = key;
    line["value"] = std::move(value);
    return line;
}

int put(const arguments& a) {
    std::string text = a.text;
    if (text == "-") text.assign(std::istreambuf_iterator<char>(std::cin), {});
    open(a).put(a.key, azkv::parse_value(text), a.collection);
    return success;
}

int get(const arguments& a) {
    const auto value = open(a).get(a.key, a.collection, azkv::projection(a.select));
    if (!value) {
        std::cerr << "azkv: key " << json::serialize(json::string(a.key)) << " not found\n";
        return absent;
    }
    print_line(*value);
    return success;
}

int erase(const arguments& a) {
    if (open(a).erase(a.key, a.collection)) return success;
    std::cerr << "azkv: key " << json::serialize(json::string(a.key)) << " not found\n";
    return absent;
}

// Parses one line of put-all's input: {"key": .., "value": {..}}
std::pair<std::string, azkv::value> parse_pair(const std::string& line, std::size_t number) {
    const std::string where = "line " + std::to_string(number) + ": ";
    json::object parsed;
    try {
        parsed = azkv::parse_value(line);
    } catch (const azkv::error& e) {
        throw input_error(where + e.what());
    }
    const json::value* const key = parsed.if_contains("key");
    json::value* const value = parsed.if_contains("value");
    if (!key || !key->is_string() || !value || !value->is_object())
        throw input_error(where + R"(expected {"key": "..", "value": {..}})");
    for (const auto& member : parsed)
        if (member.key() != "key" && member.key() != "value")
            throw input_error(where + "unknown member " + json::serialize(member.key())
                              + R"(; only "key" and "value" are allowed)");
    return {std::string(key->get_string()), std::move(value->get_object())};
}

// Sends lines while reading, so that the input may have any length.
int put_all(const arguments& a) {
    constexpr std::size_t lines_at_once = 4000;
    constexpr std::size_t bytes_at_once = std::size_t{8} << 20;
    std::ifstream file;
    if (a.text != "-") {
        file.open(a.text);
        if (!file) throw input_error("cannot read " + json::serialize(json::string(a.text)));
    }
    std::istream& in = a.text == "-" ? std::cin : file;
    azkv::blocking_store db = open(a);
    progress shown("written");
    std::vector<std::pair<std::string, azkv::value>> pairs;
    std::size_t bytes = 0;
    std::size_t written = 0;
    const auto send = [&] {
        const std::size_t n = pairs.size();
        std::size_t seen = 0;
        const auto count = [&](std::size_t done, std::size_t) {
            shown.add(done - std::exchange(seen, done));
        };
        db.put_all(std::exchange(pairs, {}), a.collection, 100, count);
        bytes = 0;
        written += n;
    };
    std::size_t number = 0;
    try {
        for (std::string line; std::getline(in, line);) {
            ++number;
            if (line.find_first_not_of(" \t\r") == line.npos) continue;
            pairs.push_back(parse_pair(line, number));
            bytes += line.size();
            if (pairs.size() == lines_at_once || bytes >= bytes_at_once) send();
        }
        if (in.bad())
            throw input_error(
                "cannot read "
                + (number ? "past line " + std::to_string(number) : json::serialize(json::string(a.text))));
        if (!pairs.empty()) send();
    } catch (const input_error& e) {
        throw input_error(e.what() + ("; " + std::to_string(written)) + " pairs were already written");
    } catch (const azkv::put_all_error& e) {
        for (const std::string& key : e.not_written())
            std::cerr << "azkv: not written: " << json::serialize(json::string(key)) << '\n';
        for (const std::string& key : e.unknown())
            std::cerr << "azkv: possibly not written: " << json::serialize(json::string(key)) << '\n';
        std::cerr << "azkv: " << written << " earlier pairs were written; nothing after line " << number
                  << " was read\n";
        throw;
    }
    return success;
}

int get_all(const arguments& a) {
    progress shown("read");
    for (auto& [key, value] : open(a).get_all(a.collection, azkv::projection(a.select))) {
        print_line(pair_line(key, value));
        shown.add();
    }
    return success;
}

int query(const arguments& a) {
    azkv::blocking_store db = open(a);
    progress shown("read");
    for (auto& row : db.query(a.text, a.collection, azkv::projection(a.select))) {
        json::object line;
        line["key"] = row.key();
        line["partition"] = row.partition_key();
        line["value"] = std::move(row).value();
        print_line(line);
        shown.add();
    }
    return success;
}

// Returns the service's own message, safe to print on one line of a terminal.
std::string words_of(const azkv::error& e) {
    const std::string& message = e.server_message();
    if (e.service_code().empty() && message.empty()) return {};
    const std::string code = e.service_code().empty() ? "" : e.service_code() + ": ";
    return ": " + json::serialize(json::string(code + message.substr(0, message.find_first_of("\r\n"))));
}

// Runs a command. Turns a failure into a line on standard error and an exit status.
int run(const std::function<int(const arguments&)>& command, const arguments& a) {
    const auto failed = [](int status, const std::string& why) {
        std::cerr << "azkv: " << why << '\n';
        return status;
    };
    try {
        const int status = command(a);
        if (!std::cout.flush()) throw output_error("cannot write to standard output");
        return status;
    } catch (const azkv::error& e) {
        const bool not_sent = e.status() == 0 && e.code() == azkv::condition::invalid_argument;
        return failed(not_sent ? usage : service, e.what() + words_of(e));
    } catch (const input_error& e) {
        return failed(usage, e.what());
    } catch (const std::exception& e) {
        return failed(service, e.what());
    }
}

void add_options(CLI::App& app, arguments& a) {
    CLI::Option* const connection_string = app.add_option(
        "--connection-string", a.connection_string,
        "the account's connection string; default: the environment variable AZKV_CONNECTION_STRING, or the "
        "emulator on its usual port");
    app.add_option("--endpoint", a.endpoint,
                   "the account's URL, to use the default credential (such as az login's); overrides "
                   "AZKV_CONNECTION_STRING")
        ->excludes(connection_string);
    app.add_option("--ca-file", a.ca_file, "PEM file of the CAs to trust; default: those of the system");
    app.add_option("--mode", a.mode, "kind of service; default: derived from its host name")
        ->check(CLI::IsMember({"storage", "cosmos"}));
    app.add_option("--partition", a.partition, "partition of the keys; default: default");
    app.add_option("--timeout", a.timeout, "time limit of a call, in seconds; default: 120")
        ->check(CLI::PositiveNumber);
    app.footer(
        "Exit status: 0 success, 1 key not found, 2 invalid usage or input, 3 service or network failure.");
}

/// The command that is given sets `command`.
void add_commands(CLI::App& app, arguments& a, std::function<int(const arguments&)>& command) {
    const auto add = [&](const char* name, const char* help, int (*function)(const arguments&)) {
        CLI::App* const sub = app.add_subcommand(name, help);
        sub->fallthrough();
        sub->callback([&command, function] { command = function; });
        return sub;
    };
    const auto add_collection = [&](CLI::App* sub) {
        sub->add_option("COLLECTION", a.collection, "table to use; default: data");
    };
    const auto add_select = [&](CLI::App* sub) {
        sub->add_option("--select", a.select, "members to read")
            ->type_name("A,B,..")
            ->delimiter(',')
            ->allow_extra_args(false);
    };

    CLI::App* sub = add("put", "store a JSON object under a key", put);
    sub->add_option("KEY", a.key)->required();
    sub->add_option("JSON", a.text, "the object; - reads standard input")->required();
    add_collection(sub);

    sub = add("put-all", R"(store many pairs, from lines {"key": "..", "value": {..}})", put_all);
    sub->add_option("FILE", a.text, "file to read; - reads standard input")->required();
    add_collection(sub);

    sub = add("get", "print the value of a key", get);
    sub->add_option("KEY", a.key)->required();
    add_collection(sub);
    add_select(sub);

    sub = add("get-all", "print all keys and values of the partition, in the format of put-all", get_all);
    add_collection(sub);
    add_select(sub);

    sub = add("query", "print the rows that match an OData filter, from all partitions", query);
    sub->add_option("FILTER", a.text, "OData filter, such as \"age ge 21\"")->required();
    add_collection(sub);
    add_select(sub);

    sub = add("erase", "remove a key", erase);
    sub->add_option("KEY", a.key)->required();
    add_collection(sub);
}

} // namespace

int main(int argc, char** argv) {
    std::ios::sync_with_stdio(false);
    arguments a;
    std::function<int(const arguments&)> command;

    CLI::App app("Stores, reads and queries JSON values in Azure Table Storage or Azure Cosmos DB for Table",
                 "azkv");
    app.set_version_flag("--version", AZKV_VERSION_STRING);
    app.require_subcommand(1);
    add_options(app, a);
    add_commands(app, a, command);

    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& e) {
        if (e.get_exit_code() == 0) return app.exit(e); // --help, --version
        const std::vector<std::string> unknown = app.remaining();
        if (app.get_subcommands().empty() && !unknown.empty())
            std::cerr << "azkv: unknown command " << json::serialize(json::string(unknown.front()));
        else
            std::cerr << "azkv: " << e.what();
        std::cerr << "; azkv --help lists the commands\n";
        return usage;
    }
    // An empty one is not ignored: it is reported as invalid.
    if (const char* const text = std::getenv("AZKV_CONNECTION_STRING"); text && !a.connection_string)
        a.connection_string = text;
    return run(command, a);
}
