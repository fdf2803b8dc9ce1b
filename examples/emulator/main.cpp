// azkv-emulator: a table service for any client, like Azure Table Storage or Azure Cosmos DB for Table.

#include <azkv/emulator.hpp>
#include <azkv/error.hpp>

#include <CLI/CLI.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/signal_set.hpp>

#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <optional>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

/// What is wrong with the command line.
class usage_error : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

std::string read_file(const char* option, const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    std::ostringstream text;
    if (!in || !(text << in.rdbuf()))
        throw usage_error(std::string(option) + ": \"" + path + "\" cannot be read, or is empty");
    return std::move(text).str();
}

/// What the command line says. Numbers are texts, so that all of them are checked in one way.
class arguments {
public:
    std::string host;
    std::string port = "10002";
    std::string mode = "storage";
    std::string directory;
    std::vector<std::string> accounts;
    std::vector<std::string> keys;
    std::string certificate;
    std::string certificate_key;
    std::string bearer;
    std::string throttle;
    std::string partition_throttle; // entities a second, burst
    std::string latency;            // time, jitter
    std::string faults;             // share, seed
    std::string skew;
    std::string deletion_time;
    bool log = false;
};

const CLI::Validator
    not_empty([](const std::string& text) { return text.empty() ? "must not be empty" : ""; }, "");

CLI::Option* add(CLI::App& app, const char* name, std::string& to, const char* type, const char* help) {
    return app.add_option(name, to, help)->check(not_empty)->type_name(type);
}

void add_service_options(CLI::App& app, arguments& a) {
    add(app, "--host", a.host, "ADDRESS",
        "IP address to listen on, such as 0.0.0.0; for tests only; default: 127.0.0.1 and ::1");
    add(app, "--port", a.port, "N", "Port; 0: any free port")->capture_default_str();
    add(app, "--directory", a.directory, "DIRECTORY",
        "Directory to keep the tables in; created if it does not exist; default: in memory");
    app.add_option("--mode", a.mode, "Service to emulate")
        ->check(CLI::IsMember({"storage", "cosmos"}))
        ->capture_default_str();
    app.add_option("--account", a.accounts,
                   "Name of an account, with its --key; may be repeated; each account has its own tables")
        ->expected(1)
        ->take_all()
        ->type_name("NAME");
    app.add_option("--key", a.keys, "Key of an account, in base64, in the order of the accounts")
        ->expected(1)
        ->take_all()
        ->type_name("BASE64");
    auto* const certificate =
        app.add_option("--cert", a.certificate, "PEM file of a certificate, to serve HTTPS")
            ->check(CLI::ExistingFile);
    auto* const certificate_key =
        app.add_option("--cert-key", a.certificate_key, "PEM file of the certificate's private key")
            ->check(CLI::ExistingFile)
            ->needs(certificate);
    certificate->needs(certificate_key);
    app.add_option("--bearer", a.bearer,
                   "Bearer tokens to accept over HTTPS: any, or those in a file, one a line")
        ->type_name("any|FILE")
        ->needs(certificate);
}

void add_test_options(CLI::App& app, arguments& a) {
    add(app, "--throttle", a.throttle, "N", "Requests a second; beyond: 503, in cosmos mode 429");
    add(app, "--partition-throttle", a.partition_throttle, "N[,BURST]",
        "Entities a second in each partition, and in a burst; beyond: 503, in cosmos mode 429");
    add(app, "--latency", a.latency, "MS[,JITTER]", "Delay of each request, and a random part on top");
    add(app, "--faults", a.faults, "P[,SEED]",
        "Share of requests, from 0 to 1, that meet a reset, a lost response, a 500, a 503 or a short page; "
        "and the seed of the random numbers");
    add(app, "--skew", a.skew, "SECONDS", "How far the emulator's clock is ahead; negative: behind");
    add(app, "--deletion-time", a.deletion_time, "MS",
        "How long a deleted table is being deleted: its name cannot be used (409); not in cosmos mode; "
        "default: 0");
    app.add_flag("--log", a.log, "Write a line for each request to standard error, without secrets");
}

template <class T>
T number(const char* option, std::string_view text, T least, T most) {
    T n{};
    const char* const end = text.data() + text.size();
    const auto [last, ec] = std::from_chars(text.data(), end, n);
    if (ec == std::errc() && last == end && n >= least && n <= most) return n;
    std::ostringstream message;
    message << option << ": \"" << text << "\" is not a "
            << (std::is_integral_v<T> ? "whole number from " : "number from ") << least << " to " << most;
    throw usage_error(message.str());
}

// The parts of `A` or `A,B`.
std::pair<std::string, std::optional<std::string>> parts_of(const std::string& text) {
    const auto comma = text.find(',');
    if (comma == text.npos) return {text, std::nullopt};
    return {text.substr(0, comma), text.substr(comma + 1)};
}

constexpr std::int64_t day_in_ms = 24 * 60 * 60 * 1000;

std::chrono::milliseconds milliseconds(const char* option, const std::string& text) {
    return std::chrono::milliseconds(number<std::int64_t>(option, text, 0, day_in_ms));
}

void check_arguments(const arguments& a) {
    if (a.accounts.empty() && !a.keys.empty())
        throw usage_error("--key is the key of an --account; that of the certificate is --cert-key");
    if (a.accounts.size() != a.keys.size())
        throw usage_error("each --account needs a --key, and each --key an --account");
    if (std::set(a.accounts.begin(), a.accounts.end()).size() != a.accounts.size())
        throw usage_error("--account: an account is given twice");
    if (a.mode == "cosmos" && !a.deletion_time.empty())
        throw usage_error("--deletion-time has no effect in cosmos mode");
}

azkv::emulator_options::bearer_check accept_tokens(const std::string& bearer) {
    if (bearer == "any") return [](std::string_view) { return true; };
    std::istringstream lines(read_file("--bearer", bearer));
    std::set<std::string, std::less<>> tokens;
    for (std::string line; std::getline(lines, line);) {
        if (line.ends_with('\r')) line.pop_back();
        if (!line.empty()) tokens.insert(std::move(line));
    }
    if (tokens.empty()) throw usage_error("--bearer: \"" + bearer + "\" has no tokens");
    return [tokens = std::move(tokens)](std::string_view token) { return tokens.contains(token); };
}

// Applies a setting. What is wrong with it names the option, not the function.
template <class Apply>
void set(const std::string& option, std::string_view setter, Apply apply) {
    try {
        apply();
    } catch (const azkv::error& e) {
        std::string_view reason = e.what();
        if (reason.starts_with(setter)) reason.remove_prefix(setter.size());
        throw usage_error(option + ": " + std::string(reason));
    }
}

void add_accounts(azkv::emulator_options& options, const arguments& a) {
    for (std::size_t i = 0; i < a.accounts.size(); ++i) {
        const std::string option = "--account \"" + a.accounts[i] + '"';
        if (i == 0)
            set(option, "account: ", [&] { options.account(a.accounts[i], a.keys[i]); });
        else
            set(option, "add_account: ", [&] { options.add_account(a.accounts[i], a.keys[i]); });
    }
}

azkv::emulator_options read_options(const arguments& a) {
    azkv::emulator_options options;
    options.port(number<unsigned short>("--port", a.port, 0, 65'535)).directory(a.directory);
    if (!a.deletion_time.empty())
        options.table_deletion_time(milliseconds("--deletion-time", a.deletion_time));
    if (!a.host.empty()) set("--host", "host: ", [&] { options.host(a.host); });
    if (a.mode == "cosmos") options.mode(azkv::service_mode::cosmos);
    add_accounts(options, a);
    if (!a.certificate.empty())
        options.tls(read_file("--cert", a.certificate), read_file("--cert-key", a.certificate_key));
    if (!a.bearer.empty()) options.bearer(accept_tokens(a.bearer));
    if (!a.skew.empty()) {
        constexpr std::int64_t most = 1'000'000'000;
        const std::chrono::seconds ahead(number<std::int64_t>("--skew", a.skew, -most, most));
        options.clock([ahead] { return std::chrono::system_clock::now() + ahead; });
    }
    if (a.log) options.log([](std::string_view line) { std::cerr << std::string(line) + '\n'; });
    return options;
}

std::optional<azkv::fault_plan> read_plan(const arguments& a) {
    if (a.throttle.empty() && a.partition_throttle.empty() && a.latency.empty() && a.faults.empty())
        return std::nullopt;
    constexpr std::size_t most = 1'000'000'000;
    const auto [share, seed] = parts_of(a.faults);
    azkv::fault_plan plan(seed ? number<std::uint64_t>("--faults", *seed, 0, UINT64_MAX) : 1);
    if (!a.faults.empty()) plan.sometimes(number<double>("--faults", share, 0, 1));
    if (!a.throttle.empty())
        plan.throttle(number<std::size_t>("--throttle", a.throttle, 1, most), std::chrono::milliseconds(0));
    if (!a.partition_throttle.empty()) {
        const char* const option = "--partition-throttle";
        const auto [rate, burst] = parts_of(a.partition_throttle);
        plan.throttle_partitions(number<std::size_t>(option, rate, 1, most),
                                 burst ? number<std::size_t>(option, *burst, 1, most) : 0);
    }
    if (!a.latency.empty()) {
        const auto [time, jitter] = parts_of(a.latency);
        plan.latency(milliseconds("--latency", time),
                     jitter ? milliseconds("--latency", *jitter) : std::chrono::milliseconds(0));
    }
    return plan;
}

void warn_of(const std::string& host) {
    if (host.empty() || boost::asio::ip::make_address(host).is_loopback()) return;
    std::cerr << "azkv-emulator: warning: other machines can reach " << host
              << "; the emulator is for tests only\n";
}

// At once, because a reader may close its end after the first line.
void print_connection_strings(const azkv::emulator& service, const azkv::emulator_options& options) {
    std::string lines = service.connection_string() + '\n';
    for (const auto& [name, key] : options.added_accounts()) lines += service.connection_string(name) + '\n';
    std::cout << lines << std::flush;
}

// An argument that was not expected is not shown: it may be a key.
std::string reason(const CLI::App& app, const CLI::ParseError& e) {
    const std::vector<std::string> unexpected = app.remaining();
    if (unexpected.empty()) return e.what();
    for (const std::string& argument : unexpected)
        if (argument.starts_with("--")) return "there is no option " + argument.substr(0, argument.find('='));
    return "an argument belongs to no option";
}

} // namespace

int main(int argc, char** argv) {
    CLI::App app(
        "A table service for tests, like Azure Table Storage or Azure Cosmos DB for Table. Prints the "
        "connection string of each account.");
    app.set_version_flag("--version", AZKV_VERSION_STRING);
    arguments a;
    add_service_options(app, a);
    add_test_options(app, a);
    constexpr int usage = 2;
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& e) {
        if (e.get_exit_code() == 0) return app.exit(e); // --help, --version
        std::cerr << "azkv-emulator: " << reason(app, e) << "; azkv-emulator --help lists the options\n";
        return usage;
    }

    try {
        check_arguments(a);
        const azkv::emulator_options options = read_options(a);
        const auto plan = read_plan(a);
        boost::asio::io_context context(1);
        azkv::emulator service(context.get_executor(), options);
        if (plan) service.faults(*plan);
        warn_of(a.host);
        print_connection_strings(service, options);
        boost::asio::signal_set signals(context, SIGINT, SIGTERM);
        signals.async_wait([&](const boost::system::error_code&, int) { context.stop(); });
        context.run();
        return EXIT_SUCCESS;
    } catch (const usage_error& e) {
        std::cerr << "azkv-emulator: " << e.what() << '\n';
        return usage;
    } catch (const std::exception& e) {
        std::cerr << "azkv-emulator: " << e.what() << '\n';
        const auto* const refused = dynamic_cast<const azkv::error*>(&e);
        return refused && refused->code() == azkv::errc::invalid_argument ? usage : EXIT_FAILURE;
    }
}
