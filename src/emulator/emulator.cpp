#include "emulator/server.hpp"
#include "protocol/connection_string.hpp"

#include <azkv/emulator.hpp>
#include <azkv/error.hpp>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include <exception>
#include <future>
#include <optional>
#include <thread>
#include <utility>

namespace azkv {

namespace asio = boost::asio;

emulator_options::emulator_options() : key_(protocol::development_account().key) {}

emulator_options::~emulator_options() = default;
emulator_options::emulator_options(const emulator_options&) = default;
emulator_options::emulator_options(emulator_options&&) noexcept = default;
emulator_options& emulator_options::operator=(const emulator_options&) = default;
emulator_options& emulator_options::operator=(emulator_options&&) noexcept = default;

emulator_options& emulator_options::mode(service_mode m) {
    mode_ = m;
    return *this;
}

emulator_options& emulator_options::directory(std::string path) {
    directory_ = std::move(path);
    return *this;
}

emulator_options& emulator_options::port(unsigned short n) {
    port_ = n;
    return *this;
}

emulator_options& emulator_options::account(std::string name, std::string key) {
    account_ = std::move(name);
    key_ = std::move(key);
    return *this;
}

emulator_options& emulator_options::tls(std::string certificates, std::string key) {
    if (certificates.empty() || key.empty())
        throw error(errc::invalid_argument, "tls: a certificate and its key are needed");
    certificates_ = std::move(certificates);
    certificate_key_ = std::move(key);
    return *this;
}

emulator_options& emulator_options::bearer(bearer_check check) {
    bearer_ = std::move(check);
    return *this;
}

emulator_options& emulator_options::clock(clock_function now) {
    clock_ = std::move(now);
    return *this;
}

/// An emulator, and its thread if it has one of its own.
class emulator::implementation {
public:
    implementation(std::optional<asio::any_io_executor> ex, emulator_options o) : options_(std::move(o)) {
        if (!ex) {
            context_.emplace(1);
            work_.emplace(context_->get_executor());
            ex = context_->get_executor();
        }
        server_ = emulation::make_server(*ex, options_);
        if (context_) thread_ = std::thread([this] { context_->run(); });
        do_there([](emulation::server& s) { s.start(); });
    }

    ~implementation() {
        do_there([](emulation::server& s) { s.stop(); });
        if (!context_) return;
        work_.reset();
        thread_.join();
    }

    const emulator_options& options() const { return options_; }

    const emulation::server& server() const { return *server_; }

    /// Does something where the server lives: on its own thread by the time of the return, or whenever the
    /// caller's executor gets to it.
    template <class F>
    void do_there(F f) {
        if (!context_) return server_->run_on_strand([s = server_, f] { f(*s); });
        std::promise<void> done;
        server_->run_on_strand([&] {
            try {
                f(*server_);
                done.set_value();
            } catch (...) {
                done.set_exception(std::current_exception());
            }
        });
        done.get_future().get();
    }

private:
    emulator_options options_;
    std::optional<asio::io_context> context_; // its own, if it has one
    std::optional<asio::executor_work_guard<asio::io_context::executor_type>> work_;
    std::shared_ptr<emulation::server> server_;
    std::thread thread_;
};

namespace {

emulator_options complete(emulator_options o) {
    if (o.account().empty())
        o.account(o.mode() == service_mode::storage ? protocol::development_account().account : "localhost",
                  o.key());
    return o;
}

} // namespace

emulator::emulator(emulator_options o)
    : impl_(std::make_unique<implementation>(std::nullopt, complete(std::move(o)))) {}

emulator::emulator(asio::any_io_executor ex, emulator_options o)
    : impl_(std::make_unique<implementation>(std::move(ex), complete(std::move(o)))) {}

emulator::~emulator() = default;
emulator::emulator(emulator&&) noexcept = default;
emulator& emulator::operator=(emulator&&) noexcept = default;

std::string emulator::connection_string() const {
    return "DefaultEndpointsProtocol="
           + std::string(impl_->options().certificates().empty() ? "http" : "https")
           + ";AccountName=" + impl_->options().account() + ";AccountKey=" + impl_->options().key()
           + ";TableEndpoint=" + endpoint() + ";";
}

std::string emulator::endpoint() const {
    const std::string scheme = impl_->options().certificates().empty() ? "http://" : "https://";
    return mode() == service_mode::storage
               ? scheme + "127.0.0.1:" + std::to_string(port()) + "/" + impl_->options().account()
               : scheme + "localhost:" + std::to_string(port());
}

unsigned short emulator::port() const {
    return impl_->server().port();
}

service_mode emulator::mode() const {
    return impl_->options().mode();
}

void emulator::faults(fault_plan plan) {
    impl_->do_there([plan = std::move(plan)](emulation::server& s) { s.faults(plan); });
}

emulator_counters emulator::counters() const {
    return impl_->server().counters();
}

void emulator::stop() {
    impl_->do_there([](emulation::server& s) { s.stop(); });
}

void emulator::start() {
    impl_->do_there([](emulation::server& s) { s.start(); });
}

} // namespace azkv
