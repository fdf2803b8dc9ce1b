#include "emulator/server.hpp"
#include "identity/tokens/shared_key.hpp"
#include "protocol/connection_string.hpp"
#include "protocol/endpoint.hpp"
#include "support/ascii.hpp"
#include "support/require.hpp"

#include <azkv/emulator.hpp>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>

#include <algorithm>
#include <exception>
#include <filesystem>
#include <future>
#include <mutex>
#include <optional>
#include <thread>
#include <unistd.h>
#include <utility>

namespace azkv {

namespace asio = boost::asio;

emulator_options::emulator_options() : key_(protocol::development_account().key.reveal()) {}

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

emulator_options& emulator_options::host(std::string address) {
    boost::system::error_code ec;
    if (!address.empty()) asio::ip::make_address(address, ec);
    require(!ec && address.find('%') == address.npos,
            "host: \"" + address + "\" is not an IP address; use one such as 0.0.0.0");
    host_ = std::move(address);
    return *this;
}

namespace {

void check_account(const char* setting, std::string_view name, std::string_view key) {
    // In a host, capitals would be lost.
    require(protocol::is_host_label(name) && name == ascii::to_lower(name),
            std::string(setting) + ": the name \"" + std::string(name)
                + "\" must consist of lower-case ASCII letters, digits and hyphens");
    require(!name.ends_with("-secondary"),
            std::string(setting) + ": a name that ends in -secondary is the secondary of another account");
    const identity::hmac_sha256 check(key); // throws if the key is not valid
}

} // namespace

emulator_options& emulator_options::account(std::string name, std::string key) {
    check_account("account", name, key);
    account_ = std::move(name);
    key_ = std::move(key);
    return *this;
}

emulator_options& emulator_options::add_account(std::string name, std::string key) {
    check_account("add_account", name, key);
    added_accounts_.emplace_back(std::move(name), std::move(key));
    return *this;
}

emulator_options& emulator_options::tls(std::string certificates, std::string key) {
    require(!certificates.empty() && !key.empty(), "tls: the certificate and the key must not be empty");
    certificates_ = std::move(certificates);
    certificate_key_ = std::move(key);
    return *this;
}

emulator_options& emulator_options::bearer(bearer_check check) {
    require(static_cast<bool>(check), "bearer: the function must not be empty");
    bearer_ = std::move(check);
    return *this;
}

emulator_options& emulator_options::clock(clock_function now) {
    require(static_cast<bool>(now), "clock: the function must not be empty");
    clock_ = std::move(now);
    return *this;
}

emulator_options& emulator_options::table_deletion_time(std::chrono::milliseconds time) {
    require(time.count() >= 0 && time <= std::chrono::hours(24),
            "table_deletion_time: the time must be from 0 to 24 hours");
    table_deletion_time_ = time;
    return *this;
}

emulator_options& emulator_options::log(log_function log) {
    require(static_cast<bool>(log), "log: the function must not be empty");
    log_ = std::move(log);
    return *this;
}

/// An emulator, with a thread unless it runs on an executor of the caller.
class emulator::implementation {
public:
    implementation(std::optional<asio::any_io_executor> ex, emulator_options o) : options_(std::move(o)) {
        if (!ex) {
            context_ = std::make_shared<asio::io_context>(1);
            work_.emplace(context_->get_executor());
            ex = context_->get_executor();
        }
        try {
            server_ = emulation::make_server(*ex, options_);
        } catch (const boost::system::system_error&) {
            throw;
        } catch (const std::filesystem::filesystem_error& e) {
            throw error(errc::invalid_argument, "the directory \"" + options_.directory()
                                                    + "\" cannot be used: " + e.code().message());
        } catch (const std::exception& e) { // from the database
            throw error(errc::invalid_argument, e.what());
        }
        if (context_) thread_ = std::thread([c = context_] { c->run(); });
    }

    ~implementation() {
        stop();
        if (!context_) return;
        work_.reset();
        if (is_own_thread())
            thread_.detach(); // it ends when it returns from here, and keeps its context until then
        else
            thread_.join();
    }

    /// Returns whether this is a copy in a forked child: the thread and the connections are the parent's.
    bool is_parents() const { return process_ != ::getpid(); }

    const emulator_options& options() const { return options_; }

    emulation::server& server() { return *server_; }

    void stop() {
        if (is_parents()) return;
        {
            const std::lock_guard lock(
                mutex_); // not held while waiting: the emulator's thread may call this, too
            if (!std::exchange(running_, false)) return;
        }
        if (!context_) return server_->stop([] {});
        const auto done = std::make_shared<std::promise<void>>();
        server_->stop([done] { done->set_value(); });
        done->get_future().get();
    }

    void start() {
        if (is_parents()) return;
        const std::lock_guard lock(mutex_);
        if (running_) return;
        server_->start();
        running_ = true;
    }

private:
    bool is_own_thread() const { return thread_.get_id() == std::this_thread::get_id(); }

    const pid_t process_ = ::getpid();
    emulator_options options_;
    std::shared_ptr<asio::io_context> context_; // null: runs on an executor of the caller
    std::optional<asio::executor_work_guard<asio::io_context::executor_type>> work_;
    std::shared_ptr<emulation::server> server_;
    std::thread thread_;
    std::mutex mutex_; // guards what follows
    bool running_ = true;
};

namespace {

emulator_options complete(emulator_options o) {
    if (o.account().empty())
        o.account(o.mode() == service_mode::storage ? protocol::development_account().account : "localhost",
                  o.key());
    return o;
}

// The host of the URLs of an emulator that listens on `address`.
std::string host_in_url(const std::string& address, service_mode mode) {
    if (address.empty() && mode == service_mode::cosmos) return "localhost";
    if (address.empty()) return "127.0.0.1";
    const auto parsed = asio::ip::make_address(address);
    if (parsed.is_v6()) return parsed.is_unspecified() ? "[::1]" : "[" + address + "]";
    return parsed.is_unspecified() ? "127.0.0.1" : address;
}

// The base URL of an account.
std::string url_of(const emulator_options& o, unsigned short port, const std::string& account) {
    std::string url = o.certificates().empty() ? "http://" : "https://";
    url.append(host_in_url(o.host(), o.mode())).append(":").append(std::to_string(port));
    if (o.mode() == service_mode::storage) url.append("/").append(account);
    return url;
}

std::string connection_string_of(const emulator_options& o, unsigned short port, const std::string& account,
                                 const std::string& key) {
    return "DefaultEndpointsProtocol=" + std::string(o.certificates().empty() ? "http" : "https")
           + ";AccountName=" + account + ";AccountKey=" + key + ";TableEndpoint=" + url_of(o, port, account)
           + ";";
}

} // namespace

emulator::emulator(emulator_options o)
    : impl_(std::make_unique<implementation>(std::nullopt, complete(std::move(o)))) {}

emulator::emulator(asio::any_io_executor ex, emulator_options o)
    : impl_(std::make_unique<implementation>(std::move(ex), complete(std::move(o)))) {}

emulator::~emulator() {
    if (impl_ && impl_->is_parents())
        static_cast<void>(impl_.release()); // its destructor would stop the parent's emulator
}

emulator::emulator(emulator&&) noexcept = default;

emulator& emulator::operator=(emulator&& other) noexcept {
    const emulator before(std::move(*this)); // destroys the old emulator
    impl_ = std::move(other.impl_);
    return *this;
}

std::string emulator::connection_string() const {
    return connection_string(impl_->options().account());
}

std::string emulator::connection_string(std::string_view account) const {
    const emulator_options& o = impl_->options();
    if (account == o.account()) return connection_string_of(o, port(), o.account(), o.key());
    const auto found = std::ranges::find(o.added_accounts(), account,
                                         [](const auto& a) { return std::string_view(a.first); });
    require(found != o.added_accounts().end(),
            "connection_string: the emulator has no account \"" + std::string(account) + '"');
    return connection_string_of(o, port(), found->first, found->second);
}

std::string emulator::endpoint() const {
    return url_of(impl_->options(), port(), impl_->options().account());
}

unsigned short emulator::port() const {
    return impl_->server().port();
}

service_mode emulator::mode() const {
    return impl_->options().mode();
}

void emulator::faults(fault_plan plan) {
    if (!impl_->is_parents()) impl_->server().faults(std::move(plan));
}

emulator_counters emulator::counters() const {
    return impl_->server().counters();
}

void emulator::stop() {
    impl_->stop();
}

void emulator::start() {
    impl_->start();
}

} // namespace azkv
