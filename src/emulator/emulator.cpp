#include "emulator/server.hpp"
#include "identity/tokens/shared_key.hpp"
#include "protocol/connection_string.hpp"
#include "protocol/endpoint.hpp"
#include "support/require.hpp"

#include <azkv/emulator.hpp>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include <exception>
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

emulator_options& emulator_options::account(std::string name, std::string key) {
    require(protocol::is_host_label(name),
            "account: the name must consist of ASCII letters, digits and hyphens");
    const identity::hmac_sha256 check(key); // throws if the key is not valid
    account_ = std::move(name);
    key_ = std::move(key);
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
        } catch (const std::exception& e) { // from the file system or the database
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
