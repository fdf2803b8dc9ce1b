// Calls beyond the capacity of their store or service: how many succeed, and how late.
//
//   azkv-load-bench open --rate 20000 --timeout 100       calls that begin whether others have ended or not
//   azkv-load-bench closed --callers 900 --timeout 100    callers that each make one call after another
//   azkv-load-bench closed --callers 64 --throttle 2000   against an emulator that throttles
//   azkv-load-bench serve --throttle 2000                 only the service, for other processes: --service
//
// Prints one line. The service runs on its own thread in this process, unless --service names another; CPU
// time is that of the calling thread.

#include "slow_service.hpp"
#include "usage.hpp"

#include <azkv.hpp>
#include <azkv/emulator.hpp>

#include <CLI/CLI.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace asio = boost::asio;
using std::chrono::steady_clock;

namespace {

// The account that every emulator has, with its public key.
constexpr auto account =
    "AccountName=devstoreaccount1;AccountKey="
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==;";

enum class work { get, put, put_all };

const std::map<std::string, work> works{{"get", work::get}, {"put", work::put}, {"put_all", work::put_all}};

class arguments {
public:
    work what = work::get;
    std::string service; // its connection string; empty: one in this process
    bool cosmos = false;
    azkv::bench::delays delays;
    std::size_t throttle = 0; // requests per second; 0: no emulator, but a slow service
    std::size_t retry_after_ms = 0;
    std::size_t raised_to = 0; // the limit, halfway through the run
    double rate = 1000;        // calls per second
    std::size_t callers = 1;
    std::size_t batch = 100;
    std::size_t connections = 64;
    std::size_t timeout_ms = 10'000;
    double seconds = 10;
    std::optional<double> warm_up;
    bool series = false;
    bool attempts = false;

    double warm_up_seconds() const {
        return warm_up.value_or(1 + 1.2 * static_cast<double>(timeout_ms) / 1000);
    }
};

/// The service to call.
class service {
public:
    explicit service(const arguments& a) {
        if (!a.service.empty()) {
            connection_string_ = a.service;
        } else if (a.throttle > 0) {
            azkv::emulator_options o;
            if (a.cosmos) o.mode(azkv::service_mode::cosmos);
            emulator_ = std::make_unique<azkv::emulator>(o);
            limit(a.throttle, a.retry_after_ms);
            connection_string_ = emulator_->connection_string();
        } else {
            slow_ = std::make_unique<azkv::bench::slow_service>(a.delays);
            connection_string_ = account + ("TableEndpoint=" + slow_->url());
        }
    }

    const std::string& connection_string() const { return connection_string_; }

    void limit(std::size_t per_second, std::size_t retry_after_ms) {
        if (!emulator_) return;
        azkv::fault_plan plan;
        emulator_->faults(plan.throttle(per_second, std::chrono::milliseconds(retry_after_ms)));
    }

private:
    std::unique_ptr<azkv::emulator> emulator_;
    std::unique_ptr<azkv::bench::slow_service> slow_;
    std::string connection_string_;
};

/// The outcomes of the calls that ended during the measured time.
class tally {
public:
    explicit tally(const arguments& a)
        : begin_(steady_clock::now()
                 + std::chrono::duration_cast<steady_clock::duration>(
                     std::chrono::duration<double>(a.warm_up_seconds()))),
          end_(
              begin_
              + std::chrono::duration_cast<steady_clock::duration>(std::chrono::duration<double>(a.seconds))),
          series_(static_cast<std::size_t>(a.seconds * 10) + 1) {}

    steady_clock::time_point begin() const { return begin_; }

    steady_clock::time_point end() const { return end_; }

    bool counts(steady_clock::time_point t) const { return t >= begin_ && t < end_; }

    void done(steady_clock::time_point called, std::size_t entities) {
        const auto now = steady_clock::now();
        if (!counts(now)) return;
        ++done_;
        entities_ += entities;
        times_.push_back(std::chrono::duration<float, std::milli>(now - called).count());
        ++series_[static_cast<std::size_t>(std::chrono::duration<double>(now - begin_).count() * 10)];
    }

    void failed(const azkv::error& e) {
        if (!counts(steady_clock::now())) return;
        ++failures_[e.code().message()];
        if (e.code() == azkv::condition::throttled) ++throttled_;
        if (e.code() == azkv::condition::timed_out) ++timed_out_;
        if (e.code() == azkv::errc::overloaded) ++overloaded_;
    }

    void attempt(const azkv::event& e) {
        if (e.kind != azkv::event_kind::attempt || !counts(steady_clock::now())) return;
        if (e.status == 429 || e.status == 503) ++refused_;
        if (e.error) ++lost_;
    }

    void print(const arguments& a, double cpu, std::size_t least, std::size_t most) {
        std::ranges::sort(times_);
        const auto at = [this](double share) {
            return times_.empty()
                       ? 0.0
                       : static_cast<double>(
                           times_[static_cast<std::size_t>(share * static_cast<double>(times_.size() - 1))]);
        };
        std::size_t failures = 0;
        for (const auto& [text, n] : failures_) failures += n;
        const auto done = static_cast<double>(done_);
        std::printf(
            "done=%zu per_second=%.0f entities_per_second=%.0f failed_percent=%.3f failed=%zu timed_out=%zu "
            "overloaded=%zu throttled=%zu refused_per_second=%.1f lost_attempts=%zu p50_ms=%.2f p90_ms=%.2f "
            "p99_ms=%.2f cpu_us=%.2f peak_mb=%.1f least=%zu most=%zu\n",
            done_, done / a.seconds, static_cast<double>(entities_) / a.seconds,
            100 * static_cast<double>(failures) / std::max(1.0, done + static_cast<double>(failures)),
            failures, timed_out_, overloaded_, throttled_, static_cast<double>(refused_) / a.seconds, lost_,
            at(0.5), at(0.9), at(0.99), 1e6 * cpu / std::max(1.0, done), azkv::bench::peak_memory(), least,
            most);
        for (const auto& [text, n] : failures_) std::fprintf(stderr, "%zu x %s\n", n, text.c_str());
        if (!a.series) return;
        for (std::size_t n : series_) std::printf("%zu ", n * 10);
        std::printf("\n");
    }

private:
    const steady_clock::time_point begin_, end_;
    std::size_t done_ = 0, entities_ = 0, throttled_ = 0, timed_out_ = 0, overloaded_ = 0, refused_ = 0,
                lost_ = 0;
    std::map<std::string, std::size_t> failures_;
    std::vector<float> times_;
    std::vector<std::size_t> series_;
};

azkv::value make_value() {
    azkv::value v;
    for (const char* name : {"p0", "p1", "p2", "p3", "p4"}) v[name] = std::string(180, 'x');
    return v;
}

asio::awaitable<void> call(azkv::store db, const arguments& a, tally& t) {
    const auto called = steady_clock::now();
    std::size_t entities = 1;
    try {
        switch (a.what) {
        case work::get: co_await db.get("r000001"); break;
        case work::put: co_await db.put("r000001", make_value()); break;
        case work::put_all: {
            std::vector<std::pair<std::string, azkv::value>> pairs;
            for (std::size_t i = 0; i < a.batch; ++i)
                pairs.emplace_back("r" + std::to_string(100'000 + i), make_value());
            entities = a.batch;
            co_await db.put_all(std::move(pairs));
            break;
        }
        }
        t.done(called, entities);
    } catch (const azkv::error& e) {
        t.failed(e);
    }
}

asio::awaitable<void> call_again_and_again(azkv::store db, const arguments& a, tally& t, std::size_t& made) {
    while (steady_clock::now() < t.end()) {
        co_await call(db, a, t);
        made += t.counts(steady_clock::now());
    }
}

asio::awaitable<void> offer(azkv::store db, const arguments& a, tally& t) {
    const asio::any_io_executor executor = db.get_executor();
    asio::steady_timer timer(executor);
    const auto began = steady_clock::now();
    std::size_t offered = 0;
    for (auto now = began; now < t.end(); now = steady_clock::now()) {
        const auto due =
            static_cast<std::size_t>(std::chrono::duration<double>(now - began).count() * a.rate);
        for (; offered < due; ++offered) asio::co_spawn(executor, call(db, a, t), asio::detached);
        timer.expires_after(std::chrono::milliseconds(1));
        co_await timer.async_wait(asio::use_awaitable);
    }
}

asio::awaitable<void> at(steady_clock::time_point time, std::function<void()> f, asio::io_context& context) {
    asio::steady_timer timer(context);
    timer.expires_at(time);
    co_await timer.async_wait(asio::use_awaitable);
    f();
}

void measure(const arguments& a, bool open) {
    azkv::bench::allow_many_connections();
    service s(a);
    asio::io_context context{1};
    tally t(a);
    azkv::store_options o;
    o.max_connections(a.connections).timeout(std::chrono::milliseconds(a.timeout_ms));
    if (a.cosmos) o.mode(azkv::service_mode::cosmos);
    if (a.throttle > 0 || a.attempts) o.observer([&t](const azkv::event& e) { t.attempt(e); });
    const auto db = azkv::store::from_connection_string(context.get_executor(), s.connection_string(), o);
    std::vector<std::size_t> made(open ? 0 : a.callers);
    double before = 0, after = 0;
    const auto in_the_middle = t.begin() + (t.end() - t.begin()) / 2;
    asio::co_spawn(context,
                   at(
                       t.begin(), [&] { before = azkv::bench::thread_cpu(); }, context),
                   asio::detached);
    asio::co_spawn(context,
                   at(
                       t.end(), [&] { after = azkv::bench::thread_cpu(); }, context),
                   asio::detached);
    if (a.raised_to > 0)
        asio::co_spawn(context,
                       at(
                           in_the_middle, [&] { s.limit(a.raised_to, a.retry_after_ms); }, context),
                       asio::detached);
    if (open) asio::co_spawn(context, offer(db, a, t), asio::detached);
    for (std::size_t& n : made) asio::co_spawn(context, call_again_and_again(db, a, t, n), asio::detached);
    context.run();
    const auto [least, most] = made.empty() ? std::pair<std::size_t, std::size_t>()
                                            : std::pair(std::ranges::min(made), std::ranges::max(made));
    t.print(a, after - before, least, most);
}

void serve(const arguments& a) {
    azkv::bench::allow_many_connections();
    const service s(a);
    std::cout << s.connection_string() << std::endl;
    for (std::string line; std::getline(std::cin, line);) {
    } // until the process is killed
}

} // namespace

int main(int argc, char** argv) {
    arguments a;
    CLI::App app("What becomes of calls when there are more of them than can be served");
    app.require_subcommand(1);
    auto* const open = app.add_subcommand("open", "Calls that come whether others have ended or not");
    auto* const closed = app.add_subcommand("closed", "Callers of whom each makes one call after another");
    auto* const serves = app.add_subcommand("serve", "Only the service, until standard input ends");
    open->add_option("--rate", a.rate, "Calls a second")->capture_default_str();
    closed->add_option("--callers", a.callers)->check(CLI::PositiveNumber)->capture_default_str();
    for (CLI::App* const c : {open, closed}) {
        c->add_option("--work", a.what, "get, put, put_all")->transform(CLI::CheckedTransformer(works));
        c->add_option("--batch", a.batch, "Entities of a put_all")
            ->check(CLI::PositiveNumber)
            ->capture_default_str();
        c->add_option("--service", a.service, "The connection string of one that is there already");
        c->add_option("--connections", a.connections, "At most")->capture_default_str();
        c->add_option("--timeout", a.timeout_ms, "Of a call, ms")->capture_default_str();
        c->add_option("--seconds", a.seconds, "That are measured")
            ->check(CLI::PositiveNumber)
            ->capture_default_str();
        c->add_option("--warm-up", a.warm_up, "Seconds before (default: 1, and 1.2 timeouts)");
        c->add_flag("--attempts", a.attempts, "Count also attempts that are lost, which takes CPU time");
        c->add_flag("--series", a.series, "Also the calls a second in each tenth of a second");
    }
    for (CLI::App* const c : {open, closed, serves}) {
        c->add_flag("--cosmos", a.cosmos, "The emulator is one of Cosmos DB");
        c->add_option("--throttle", a.throttle, "An emulator that takes so many requests a second");
        c->add_option("--retry-after", a.retry_after_ms, "And asks for so long a pause, ms");
        c->add_option("--raised-to", a.raised_to, "What it takes from the middle of the time on");
        c->add_option("--delay", a.delays.mean_ms, "Until the slow service answers, ms")
            ->capture_default_str();
        c->add_flag("--exponential", a.delays.exponential, "Its delays are of all lengths");
        c->add_option("--slow-share", a.delays.slow_share, "Of the requests, that take longer");
        c->add_option("--slow", a.delays.slow_ms, "So long, ms")->capture_default_str();
        c->add_option("--hiccup-at", a.delays.hiccup_at_s, "From then on, s, it is slower");
        c->add_option("--hiccup-for", a.delays.hiccup_for_s, "For so long, s");
        c->add_option("--hiccup-factor", a.delays.hiccup_factor, "By this factor");
    }
    CLI11_PARSE(app, argc, argv);
    try {
        if (serves->parsed())
            serve(a);
        else
            measure(a, open->parsed());
        return EXIT_SUCCESS;
    } catch (const std::exception& e) {
        std::cerr << "azkv-load-bench: " << e.what() << '\n';
        return EXIT_FAILURE;
    }
}
