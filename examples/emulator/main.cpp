// azkv-emulator: a table service for any client, like Azure Table Storage or Azure Cosmos DB for Table.

#include <azkv/emulator.hpp>
#include <azkv/error.hpp>

#include <CLI/CLI.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/signal_set.hpp>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <optional>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

std::string read_file(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    if (!in) throw std::runtime_error("cannot read \"" + path + '"');
    return std::string(std::istreambuf_iterator<char>(in), {});
}

/// What the command line says.
class arguments {
public:
    std::string host;
    unsigned short port = 10002;
    std::string mode = "storage";
    std::string directory;
    std::vector<std::string> accounts;
    std::vector<std::string> keys;
    std::string certificate;
    std::string certificate_key;
    std::string bearer;
    std::size_t throttle = 0;
    std::vector<std::size_t> partition_throttle; // entities a second, burst
    std::vector<std::uint32_t> latency;          // time, jitter
    std::vector<std::string> faults;             // share, seed
    std::int64_t skew = 0;
    std::uint32_t deletion_time = 0;
    bool log = false;
};

// Options whose value is `A` or `A,B`. The comma keeps what follows the option out of its value.
template <class T>
CLI::Option* add_pair(CLI::App& app, const std::string& name, std::vector<T>& to, const std::string& help) {
    return app.add_option(name, to, help)
        ->delimiter(',')
        ->expected(1, 2)
        ->allow_extra_args(false)
        ->multi_option_policy(CLI::MultiOptionPolicy::Throw);
}

void add_service_options(CLI::App& app, arguments& a) {
    app.add_option("--host", a.host,
                   "IP address to listen on, such as 0.0.0.0; for tests only; default: 127.0.0.1 and ::1");
    app.add_option("--port", a.port, "Port; 0: any free port")->capture_default_str();
    app.add_option("--directory", a.directory, "Directory to keep the tables in; default: in memory")
        ->check([](const std::string& path) { return path.empty() ? "must not be empty" : ""; }, "DIRECTORY");
    app.add_option("--mode", a.mode, "Service to emulate")
        ->check(CLI::IsMember({"storage", "cosmos"}))
        ->capture_default_str();
    app.add_option("--account", a.accounts,
                   "Name of an account, with its --key; may be repeated; each account has its own tables")
        ->allow_extra_args(false)
        ->type_name("NAME");
    app.add_option("--key", a.keys, "Key of an account, in base64, in the order of the accounts")
        ->allow_extra_args(false)
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
    app.add_option("--throttle", a.throttle, "Requests a second; beyond: 503, in cosmos mode 429")
        ->check(CLI::Range(1, 1'000'000'000))
        ->type_name("N");
    add_pair(app, "--partition-throttle", a.partition_throttle,
             "Entities a second in each partition, and in a burst; beyond: 503, in cosmos mode 429")
        ->check(CLI::Range(1, 1'000'000'000))
        ->type_name("N[,BURST]");
    add_pair(app, "--latency", a.latency, "Delay of each request, and a random part on top")
        ->type_name("MS[,JITTER]");
    add_pair(
        app, "--faults", a.faults,
        "Share of requests, from 0 to 1, that meet a reset, a lost answer, a 500, a 503 or a short page; "
        "and the seed of chance")
        ->type_name("P[,SEED]");
    app.add_option("--skew", a.skew, "How far the emulator's clock is ahead; negative: behind")
        ->check(CLI::Range(-1'000'000'000, 1'000'000'000))
        ->type_name("SECONDS");
    app.add_option("--deletion-time", a.deletion_time,
                   "How long a deleted table is being deleted: its name cannot be used (409); default: 0")
        ->type_name("MS");
    app.add_flag("--log", a.log, "Write a line for each request to standard error, without secrets");
}

template <class T>
T number(const std::string& text, const char* option) {
    std::istringstream in(text);
    in.imbue(std::locale::classic());
    T n{};
    if (text.empty() || text.front() == '-' || !(in >> n)
        || in.peek() != std::istringstream::traits_type::eof())
        throw std::runtime_error(std::string(option) + ": \"" + text + "\" is not a number, or is negative");
    return n;
}

// Everything else is a message of the library, which names the setting.
void check_arguments(const arguments& a) {
    if (a.accounts.empty() && !a.keys.empty())
        throw std::runtime_error("--key is the key of an --account; that of the certificate is --cert-key");
    if (a.accounts.size() != a.keys.size())
        throw std::runtime_error("each --account needs a --key, and each --key an --account");
}

azkv::emulator_options::bearer_check accept_tokens(const std::string& bearer) {
    if (bearer == "any") return [](std::string_view) { return true; };
    std::istringstream lines(read_file(bearer));
    std::set<std::string, std::less<>> tokens;
    for (std::string line; std::getline(lines, line);) {
        if (line.ends_with('\r')) line.pop_back();
        if (!line.empty()) tokens.insert(std::move(line));
    }
    if (tokens.empty()) throw std::runtime_error("--bearer: \"" + bearer + "\" has no tokens");
    return [tokens = std::move(tokens)](std::string_view token) { return tokens.contains(token); };
}

azkv::emulator_options read_options(const arguments& a) {
    azkv::emulator_options options;
    options.port(a.port)
        .directory(a.directory)
        .table_deletion_time(std::chrono::milliseconds(a.deletion_time));
    if (!a.host.empty()) options.host(a.host);
    if (a.mode == "cosmos") options.mode(azkv::service_mode::cosmos);
    for (std::size_t i = 0; i < a.accounts.size(); ++i) {
        if (i == 0)
            options.account(a.accounts[i], a.keys[i]);
        else
            options.add_account(a.accounts[i], a.keys[i]);
    }
    if (!a.certificate.empty()) options.tls(read_file(a.certificate), read_file(a.certificate_key));
    if (!a.bearer.empty()) options.bearer(accept_tokens(a.bearer));
    if (a.skew != 0)
        options.clock(
            [ahead = std::chrono::seconds(a.skew)] { return std::chrono::system_clock::now() + ahead; });
    if (a.log) options.log([](std::string_view line) { std::cerr << std::string(line) + '\n'; });
    return options;
}

std::optional<azkv::fault_plan> read_plan(const arguments& a) {
    if (a.throttle == 0 && a.partition_throttle.empty() && a.latency.empty() && a.faults.empty())
        return std::nullopt;
    const bool has_seed = a.faults.size() > 1;
    azkv::fault_plan plan(has_seed ? number<std::uint64_t>(a.faults[1], "--faults") : 1);
    if (!a.faults.empty()) plan.sometimes(number<double>(a.faults[0], "--faults"));
    if (a.throttle > 0) plan.throttle(a.throttle, std::chrono::milliseconds(0));
    const auto second_of = [](const auto& pair) { return pair.size() > 1 ? pair[1] : 0; };
    if (!a.partition_throttle.empty())
        plan.throttle_partitions(a.partition_throttle[0], second_of(a.partition_throttle));
    if (!a.latency.empty())
        plan.latency(std::chrono::milliseconds(a.latency[0]),
                     std::chrono::milliseconds(second_of(a.latency)));
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

} // namespace

int main(int argc, char** argv) {
    CLI::App app(
        "A table service for tests, like Azure Table Storage or Azure Cosmos DB for Table. Prints the "
        "connection string of each account.");
    app.set_version_flag("--version", AZKV_VERSION_STRING);
    arguments a;
    add_service_options(app, a);
    add_test_options(app, a);
    CLI11_PARSE(app, argc, argv);

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
    } catch (const std::exception& e) {
        std::cerr << "azkv-emulator: " << e.what() << '\n';
        return EXIT_FAILURE;
    }
}
