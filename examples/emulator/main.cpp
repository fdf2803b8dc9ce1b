// azkv-emulator: a table service for any client, like Azure Table Storage or Azure Cosmos DB for Table.

#include <azkv/emulator.hpp>
#include <azkv/error.hpp>

#include <CLI/CLI.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <stdexcept>
#include <string>

namespace {

std::string read_file(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    if (!in) throw std::runtime_error("cannot read \"" + path + '"');
    return std::string(std::istreambuf_iterator<char>(in), {});
}

} // namespace

int main(int argc, char** argv) {
    CLI::App app("A table service for tests, like Azure Table Storage or Azure Cosmos DB for Table.");
    app.set_version_flag("--version", AZKV_VERSION_STRING);
    unsigned short port = 10002;
    std::string directory, mode = "storage", certificate, key;
    app.add_option("--port", port, "Port on 127.0.0.1; 0: any free port")->capture_default_str();
    app.add_option("--directory", directory, "Directory to keep the tables in; default: in memory")
        ->check([](const std::string& path) { return path.empty() ? "must not be empty" : ""; }, "DIRECTORY");
    app.add_option("--mode", mode, "Service to emulate")
        ->check(CLI::IsMember({"storage", "cosmos"}))
        ->capture_default_str();
    auto* const cert = app.add_option("--cert", certificate, "PEM file of a certificate, to serve HTTPS")
                           ->check(CLI::ExistingFile);
    auto* const cert_key = app.add_option("--key", key, "PEM file of the certificate's private key")
                               ->check(CLI::ExistingFile)
                               ->needs(cert);
    cert->needs(cert_key);
    CLI11_PARSE(app, argc, argv);

    try {
        azkv::emulator_options options;
        options.port(port).directory(directory);
        if (mode == "cosmos") options.mode(azkv::service_mode::cosmos);
        if (!certificate.empty()) options.tls(read_file(certificate), read_file(key));
        boost::asio::io_context context(1);
        const azkv::emulator service(context.get_executor(), options);
        std::cout << service.connection_string() << std::endl;
        boost::asio::signal_set signals(context, SIGINT, SIGTERM);
        signals.async_wait([&](const boost::system::error_code&, int) { context.stop(); });
        context.run();
        return EXIT_SUCCESS;
    } catch (const std::exception& e) {
        std::cerr << "azkv-emulator: " << e.what() << '\n';
        return EXIT_FAILURE;
    }
}
