// Parent and child of a fork, with the stores that both of them then have. Children report their checks by
// their exit codes.
#include "async/serial_executor.hpp"
#include "identity/sources/client_certificate.hpp"
#include "support/all_operations.hpp"
#include "support/certificates.hpp"
#include "support/child.hpp"
#include "support/host_names.hpp"
#include "support/http_server.hpp"
#include "support/process.hpp"
#include "support/rsa_certificates.hpp"
#include "support/run.hpp"
#include "support/test_account.hpp"
#include "support/test_secrets.hpp"

#include <azkv.hpp>
#include <azkv/emulator.hpp>

#include <boost/asio/dispatch.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <doctest/doctest.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <exception>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <functional>
#include <limits>
#include <memory>
#include <mutex>
#include <netinet/in.h>
#include <optional>
#include <pthread.h>
#include <set>
#include <string>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

using namespace azkv;
using namespace azkv::test;
using namespace std::chrono_literals;

namespace {

const credential key = test_credential();

/// A service whose value for each key is the key itself.
class mirror {
public:
    /// `most`: requests per second; the service throttles the rest.
    explicit mirror(const certificate* identity = nullptr, int most = std::numeric_limits<int>::max())
        : most_(most), server_(identity ? std::make_unique<http_server>(handler(), *identity)
                                        : std::make_unique<http_server>(handler())) {}

    http_server& server() { return *server_; }

    /// Returns all request ids so far.
    std::vector<std::string> ids() {
        const std::lock_guard lock(mutex_);
        return ids_;
    }

private:
    http_server::handler handler() {
        return [this](const http_request& r) {
            {
                const std::lock_guard lock(mutex_);
                ids_.push_back(r.headers.at("x-ms-client-request-id"));
                if (is_too_much()) return http_reply(503, error_body("ServerBusy"));
            }
            if (r.method == "PUT") return http_reply(204);
            if (contains(r.target, "()")) {
                http_reply page(200, R"({"value":[{"PartitionKey":"default","RowKey":"a"}]})");
                page.headers.emplace_back("x-ms-continuation-NextRowKey", std::to_string(ids().size()));
                return page;
            }
            const auto begin = r.target.find("RowKey='") + 8;
            const std::string row = r.target.substr(begin, r.target.find('\'', begin) - begin);
            return http_reply(200, R"({"PartitionKey":"default","RowKey":")" + row + R"(","who":")" + row
                                       + R"("})");
        };
    }

    bool is_too_much() {
        const auto now = std::chrono::steady_clock::now();
        if (now - second_ > 1s) {
            second_ = now;
            in_second_ = 0;
        }
        return ++in_second_ > most_;
    }

    const int most_;
    std::mutex mutex_; // guards what follows
    std::vector<std::string> ids_;
    std::chrono::steady_clock::time_point second_;
    int in_second_ = 0;
    std::unique_ptr<http_server> server_;
};

/// A mirror in a separate process. It speaks TLS as well, and of the forking processes only azkv may use
/// OpenSSL.
class distant_mirror {
public:
    explicit distant_mirror(const certificate* identity, int most = std::numeric_limits<int>::max()) {
        std::array<int, 2> ends;
        REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
        process_ = ::fork();
        REQUIRE(process_ >= 0);
        if (process_ == 0) serve(identity, most, ends[1]);
        ::close(ends[1]);
        CHECK(::read(ends[0], &port_, sizeof port_) == sizeof port_);
        ::close(ends[0]);
    }

    distant_mirror(const distant_mirror&) = delete;
    distant_mirror& operator=(const distant_mirror&) = delete;

    ~distant_mirror() {
        ::kill(process_, SIGKILL);
        ::waitpid(process_, nullptr, 0);
    }

    std::string authority() const { return "127.0.0.1:" + std::to_string(port_); }

private:
    [[noreturn]] static void serve(const certificate* identity, int most, int tell) noexcept {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        mirror service(identity, most);
        const unsigned short port = service.server().port();
        if (::write(tell, &port, sizeof port) != sizeof port) ::_exit(1);
        for (;;) ::pause();
    }

    pid_t process_;
    unsigned short port_ = 0;
};

/// Returns whether all other threads of the process wait for something.
bool others_sleep() {
    for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
        if (task.path().filename() == std::to_string(::gettid())) continue;
        std::ifstream file(task.path() / "stat"); // missing for a thread that has just ended
        std::string text;
        std::getline(file, text);
        const auto name_end = text.rfind(") ");
        if (name_end != text.npos && text[name_end + 2] != 'S') return false;
    }
    return true;
}

std::atomic<bool> forking{false};
std::atomic<int> at_work{0}; // threads, including those that only check whether they may run

constexpr int forks = AZKV_ADDRESS_SANITIZER ? 20 : 100;

/// Prevents functions passed to `work` from running.
class standstill {
public:
    standstill() { forking = true; }

    standstill(const standstill&) = delete;
    standstill& operator=(const standstill&) = delete;

    ~standstill() { forking = false; }
};

pid_t fork_at_rest() {
    const standstill nobody_works;
    wait_until([] { return at_work == 0 && others_sleep(); }); // services of this process, too
    return ::fork();
}

// Under AddressSanitizer no thread works meanwhile: g++ 12 does not prepare its allocator for a fork, and in
// a child it stays locked if another thread was inside it.
pid_t fork_under_load() {
    return AZKV_ADDRESS_SANITIZER ? fork_at_rest() : ::fork();
}

/// Work of a thread while others call `child_says`. It allocates only in `f`.
template <class F>
void work(const F& f) {
    while (forking) std::this_thread::sleep_for(1ms);
    ++at_work;
    if (!forking) f();
    --at_work;
}

/// Two threads that call a function all the time, which returns whether its result is right.
class load {
public:
    explicit load(const std::function<bool(const std::string& who)>& f) {
        for (int t = 0; t < 2; ++t)
            threads_.emplace_back([this, f, who = "thread" + std::to_string(t)] {
                while (!enough_)
                    work([&] {
                        if (!f(who)) ++wrong_;
                        ++calls_;
                    });
            });
    }

    load(const load&) = delete;
    load& operator=(const load&) = delete;

    ~load() { end(); }

    /// Returns whether every call had the right result.
    bool was_right() {
        end();
        return calls_ > 0 && wrong_ == 0;
    }

private:
    void end() {
        enough_ = true;
        for (std::thread& t : threads_) t.join();
        threads_.clear();
    }

    std::atomic<bool> enough_{false};
    std::atomic<int> wrong_{0}, calls_{0};
    std::vector<std::thread> threads_;
};

/// Returns whether `f` returns true in a child.
bool child_says(const std::function<bool()>& f) {
    return azkv::test::child_says(fork_under_load(), f);
}

/// Returns whether it does in many children, up to the first that fails: one that hangs takes half a minute.
bool children_say(const std::function<bool()>& f) {
    for (int i = 0; i < forks; ++i)
        if (!child_says(f)) return false;
    return true;
}

bool is_own(const std::optional<value>& v, const std::string& who) {
    return v && v->at("who").as_string() == who;
}

bool gets_own(blocking_store& db, const std::string& who, int times = 5) {
    for (int i = 0; i < times; ++i)
        if (!is_own(db.get(who), who)) return false;
    return true;
}

asio::awaitable<void> get_own(store db, std::string who, bool& right) {
    const auto v = co_await db.get(who);
    right = right && is_own(v, who);
}

// Several at a time.
bool get_own(asio::io_context& context, const store& db, const std::string& who) {
    bool right = true;
    int done = 0;
    for (int i = 0; i < 8; ++i)
        asio::co_spawn(context, get_own(db, who + std::to_string(i), right), [&](std::exception_ptr e) {
            right = right && !e;
            ++done;
        });
    context.restart();
    context.run();
    return right && done == 8;
}

store_options trusting(const temporary_file& authority) {
    return store_options().tls(tls_options().ca_file(authority.path()));
}

} // namespace

TEST_CASE("a blocking store works in both processes while other threads of the parent use it") {
    const certificate identity = self_signed("127.0.0.1");
    const temporary_file authority(identity.chain);
    for (const bool tls : {false, true}) {
        CAPTURE(tls);
        const distant_mirror service(tls ? &identity : nullptr);
        const std::string scheme = tls ? "https://" : "http://";
        blocking_store db(scheme + service.authority() + "/acct", key, trusting(authority));
        load others([&](const std::string& who) { return gets_own(db, who, 1); });
        int failed = 0, wrong = 0;
        for (int i = 0; i < forks && failed == 0; ++i) { // each that hangs takes half a minute
            const std::string child = "child" + std::to_string(i);
            if (!child_says([&] { return gets_own(db, child, 3); })) ++failed;
            if (!gets_own(db, "parent", 1)) ++wrong;
        }
        CHECK(others.was_right());
        CHECK(failed == 0);
        CHECK(wrong == 0);
    }
}

TEST_CASE("a child forked while calls of the parent wait for their turn has a pace of its own") {
    const distant_mirror service(nullptr, 400);
    std::atomic<int> paces{0};
    const auto count = [&](const event& e) { paces += e.kind == event_kind::pace; };
    blocking_store db("http://" + service.authority() + "/acct", key, store_options().observer(count));
    load others([&](const std::string& who) { return gets_own(db, who, 1); });
    while (paces == 0) std::this_thread::sleep_for(1ms);
    int failed = 0;
    for (int i = 0; i < 20 && failed == 0; ++i)
        if (!child_says([&] { return gets_own(db, "child" + std::to_string(i), 2); })) ++failed;
    CHECK(failed == 0);
    CHECK(others.was_right());
    CHECK(gets_own(db, "parent"));
}

TEST_CASE("a child may be forked during TLS handshakes of the parent") {
    const certificate identity = self_signed("127.0.0.1");
    const temporary_file authority(identity.chain);
    const distant_mirror service(&identity);
    const std::string endpoint = "https://" + service.authority() + "/acct";
    blocking_store db(endpoint, key, trusting(authority));
    load others([&](const std::string& who) {
        bool right = false;
        std::thread(
            [&] { // OpenSSL gives each thread its own random numbers, derived from those of the process
                blocking_store own(endpoint, key, trusting(authority));
                right = gets_own(own, who, 1);
            })
            .join();
        return right;
    });
    CHECK(children_say([&] {
        bool right = gets_own(db, "child", 1);
        std::thread([&] { right = right && gets_own(db, "thread", 1); }).join();
        return right;
    }));
    CHECK(others.was_right());
}

TEST_CASE("neither the child's actions nor its exit affect the parent's connection") {
    const certificate identity = self_signed("127.0.0.1");
    const temporary_file authority(identity.chain);
    mirror service(&identity);
    {
        auto db = std::make_unique<blocking_store>("https://" + service.server().authority() + "/acct", key,
                                                   trusting(authority));
        CHECK(gets_own(*db, "parent"));
        CHECK(child_says([] { return true; }));
        CHECK(child_says([&] {
            db.reset(); // unused in the child
            return true;
        }));
        CHECK(child_says([&] {
            const bool right = gets_own(*db, "child");
            const bool closed = db->close(1s);
            db.reset();
            return right && closed;
        }));
        CHECK(gets_own(*db, "parent"));
        CHECK(db->close(1s));
        CHECK(child_says([&] { return failure_of([&] { return db->get("k"); }).code() == errc::closed; }));
    }
    CHECK(service.server().connections() == 2);
    CHECK(service.server().handshakes() == 2);
    CHECK(service.server().requests() == 15);
}

TEST_CASE("a store works in both processes when its context is notified of the fork") {
    mirror service;
    asio::io_context context;
    const store db(context.get_executor(), service.server().endpoint(), key);
    CHECK(get_own(context, db, "before"));
    for (int i = 0; i < 10; ++i) {
        context.notify_fork(asio::io_context::fork_prepare);
        CHECK(child_says([&] {
            context.notify_fork(asio::io_context::fork_child);
            return get_own(context, db, "child") && get_own(context, db, "again");
        }));
        context.notify_fork(asio::io_context::fork_parent);
        CHECK(get_own(context, db, "parent"));
    }
}

TEST_CASE("a store whose context was not notified refuses in the child and works in the parent") {
    mirror service;
    asio::io_context context;
    store db(context.get_executor(), service.server().endpoint(), key);
    CHECK(get_own(context, db, "before"));
    const auto refused = [&](asio::awaitable<void> op) {
        boost::system::error_code ec;
        asio::co_spawn(context, std::move(op), [&](std::exception_ptr e) {
            try {
                if (e) std::rethrow_exception(e);
            } catch (const error& x) {
                ec = x.code();
            }
        });
        context.restart();
        context.poll();
        return ec == errc::forked && ec == condition::invalid_argument;
    };
    CHECK(child_says([&] {
        const std::size_t before = service.server().requests();
        const auto void_of = [](auto op) -> asio::awaitable<void> { co_await std::move(op); };
        bool all_refused = true;
        for (const operation_sample& o : all_operations())
            all_refused = refused(void_of(o.run(db))) && all_refused;
        return all_refused && refused(void_of(db.close(1s))) && service.server().requests() == before;
    }));
    CHECK(get_own(context, db, "parent"));
    CHECK(child_says([&] { // a new store
        asio::io_context own;
        const store fresh(own.get_executor(), service.server().endpoint(), key);
        return get_own(own, fresh, "child");
    }));
}

TEST_CASE("a query belongs to the process that began it") {
    mirror service;
    blocking_store db(service.server().endpoint(), key);
    auto rows = db.query("");
    auto row = rows.begin();
    CHECK(row->key() == "a");
    CHECK(child_says([&] {
        const bool forked = failure_of([&] { ++row; }).code() == errc::forked;
        return forked && gets_own(db, "child");
    }));
    ++row;
    CHECK(row->key() == "a");
}

TEST_CASE("a page read ahead belongs to the process that began the query until its context is notified") {
    mirror service;
    asio::io_context context;
    store db(context.get_executor(), service.server().endpoint(), key, store_options().read_ahead(true));
    auto rows = db.query("");
    const auto next = [&] { return run(context, rows.next()).value().key(); };
    CHECK(next() == "a");
    context.notify_fork(asio::io_context::fork_prepare);
    CHECK(child_says([&] {
        const bool refused = failure_of(next).code() == errc::forked;
        context.notify_fork(asio::io_context::fork_child);
        return refused && next() == "a" && next() == "a" && get_own(context, db, "child");
    }));
    context.notify_fork(asio::io_context::fork_parent);
    CHECK(next() == "a");
}

TEST_CASE("a child holds no connection of the parent even one that is being opened") {
    mirror service;
    const int port = service.server().port();
    blocking_store db(service.server().endpoint(), key, store_options().idle_timeout(0ms));
    load others([&](const std::string& who) { return gets_own(db, who, 1); });
    const auto leads_to_the_service = [port](int socket) {
        sockaddr_in peer{};
        socklen_t size = sizeof peer;
        return ::getpeername(socket, reinterpret_cast<sockaddr*>(&peer), &size) == 0
               && ntohs(peer.sin_port) == port;
    };
    CHECK(children_say([&] {
        for (int socket = 0; socket < 1000; ++socket)
            if (leads_to_the_service(socket)) return false;
        return true;
    }));
    CHECK(others.was_right());
}

TEST_CASE("a child needs none of the files and functions that TLS was set up with") {
    const certificate identity = self_signed("127.0.0.1");
    mirror service(&identity);
    std::optional<temporary_file> authority(identity.chain);
    int set_up = 0;
    const auto hook = [&](asio::ssl::context&) { ++set_up; };
    blocking_store db("https://" + service.server().authority() + "/acct", key,
                      store_options().tls(tls_options().ca_file(authority->path()).configure(hook)));
    CHECK(gets_own(db, "parent"));
    authority.reset();
    CHECK(child_says([&] { return gets_own(db, "child") && set_up == 1; }));
    CHECK(gets_own(db, "parent"));
}

TEST_CASE("a child requests a token of its own") {
    const certificate identity = self_signed("127.0.0.1");
    const temporary_file authority(identity.chain);
    mirror service(&identity);
    std::atomic<int> given{0};
    http_server login(
        [&](const http_request&) {
            const std::string token = secrets::token + std::to_string(++given);
            return http_reply(200,
                              R"({"token_type":"Bearer","expires_in":3600,"access_token":")" + token + "\"}");
        },
        identity);
    const auto options = identity_options()
                             .authority_host("https://" + login.authority())
                             .tls(tls_options().ca_file(authority.path()));
    const std::string tenant = "11111111-2222-3333-4444-555555555555";
    blocking_store db(
        "https://" + service.server().authority() + "/acct",
        credential::token(client_secret_credential(tenant, "c", secrets::client_secret, options)),
        trusting(authority));
    for (int i = 0; i < 3; ++i) CHECK(child_says([&] { return gets_own(db, "child"); }));
    CHECK(given == 3);
    CHECK(gets_own(db, "parent"));
    CHECK(child_says([&] { return gets_own(db, "child"); })); // does not use the parent's token
    CHECK(given == 5);
}

TEST_CASE("a fork inside a call ends the call in the child") {
    mirror service;
    std::function<void()> fork_once;
    blocking_store db(service.server().endpoint(), key,
                      store_options().observer([&](const event&) { fork_once(); }));
    std::optional<pid_t> forked;
    fork_once = [&] {
        if (!forked) forked = ::fork();
    };
    boost::system::error_code ec;
    bool right = false;
    try {
        right = gets_own(db, "parent", 1);
    } catch (const error& e) {
        ec = e.code();
    } catch (const std::exception&) { // the child must not continue with the other tests
    }
    REQUIRE(forked);
    CHECK(azkv::test::child_says(*forked, [&] { return ec == errc::forked && gets_own(db, "child", 3); }));
    CHECK(right);
    CHECK(gets_own(db, "parent"));
}

TEST_CASE("a fork inside a call that is retried ends it at once in the child") {
    const auto pause = 500ms; // a tenth of what the service asks for
    http_server server([n = 0](const http_request&) mutable {
        if (n++ > 0) return http_reply(204);
        http_reply busy(503, error_body("ServerBusy"));
        busy.headers.emplace_back("Retry-After", "5");
        return busy;
    });
    std::optional<pid_t> forked;
    const auto fork_once = [&](const event&) {
        if (!forked) forked = ::fork();
    };
    asio::io_context context;
    store db(context.get_executor(), server.endpoint(), key, store_options().observer(fork_once));
    const auto began = std::chrono::steady_clock::now();
    boost::system::error_code ec;
    try {
        run(context, db.put("k", value()));
    } catch (const error& e) {
        ec = e.code();
    }
    const auto took = std::chrono::steady_clock::now() - began;
    REQUIRE(forked);
    CHECK(azkv::test::child_says(*forked, [&] { return ec == errc::forked && took < pause; }));
    CHECK_FALSE(ec);
    CHECK(took >= pause);
}

TEST_CASE(
    "a store whose context is not notified refuses in the child for any use by other threads of the parent") {
    mirror service;
    asio::io_context context(2);
    const auto work_left = asio::make_work_guard(context);
    store db(context.get_executor(), service.server().endpoint(), key);
    std::atomic<bool> wrong{false};
    const auto get_all_the_time = [](store db, std::atomic<bool>& wrong) -> asio::awaitable<void> {
        for (;;) {
            const bool right = is_own(co_await db.get("k"), "k");
            if (!right) wrong = true;
        }
    };
    for (int i = 0; i < 8; ++i)
        asio::co_spawn(context, get_all_the_time(db, wrong), [](std::exception_ptr) {});
    {
        const load others([&](const std::string&) { return context.run_one_for(1ms) <= 1; });
        CHECK(children_say([&] {
            asio::io_context own;
            return failure_of([&] { run(own, db.put("k", value())); }).code() == errc::forked;
        }));
    }
    CHECK_FALSE(wrong);
}

TEST_CASE("a handler of a serial executor may fork and begin another call in itself") {
    asio::io_context context;
    const asio::any_io_executor serial = async::serial_executor::on(context.get_executor());
    int steps = 0;
    std::optional<pid_t> forked;
    asio::post(serial, [&] {
        forked = ::fork();
        asio::dispatch(serial, [&] { ++steps; });
    });
    context.poll();
    REQUIRE(forked);
    CHECK(azkv::test::child_says(*forked, [&] { return steps == 1; }));
    CHECK(steps == 1);
}

TEST_CASE("a child reads a certificate file while threads of the parent use it") {
    const std::shared_ptr<EVP_PKEY> rsa = usual_rsa_key();
    const issued_certificate one = issue("one", rsa);
    const temporary_file file(one.pem() + one.key_pem());
    identity::certificate_file source(file.path(), {});
    const auto touch = [&] {
        std::filesystem::last_write_time(file.path(), std::filesystem::file_time_type::clock::now());
    };
    const load others([&](const std::string&) {
        touch();
        return source.current() != nullptr;
    });
    CHECK(children_say([&] {
        touch();
        return source.current() != nullptr;
    }));
}

namespace {

std::atomic<int> forks_of_handler{0};
std::atomic<int> failed_forks{0};

extern "C" void fork_in_handler(int) {
    const pid_t pid = ::fork();
    if (pid == 0) ::_exit(0);
    if (pid < 0 || ::waitpid(pid, nullptr, 0) != pid) ++failed_forks;
    ++forks_of_handler;
}

} // namespace

TEST_CASE("a signal handler may fork anywhere in a pause") {
    if (AZKV_ADDRESS_SANITIZER) return; // no signal handler may use its allocator
    std::signal(SIGUSR1, &fork_in_handler);
    std::atomic<bool> begun{false}, enough{false};
    std::thread paused([&] {
        while (!enough) {
            {
                const support::fork_pause outer;
                const support::fork_pause inner;
            }
            begun = true;
        }
    });
    wait_until([&] { return begun.load(); }); // a thread's first pause allocates, where no handler may fork
    for (int i = 0; i < 300; ++i) {
        ::pthread_kill(paused.native_handle(), SIGUSR1);
        wait_until([&] { return forks_of_handler > i; });
    }
    enough = true;
    paused.join();
    std::signal(SIGUSR1, SIG_DFL);
    CHECK(failed_forks == 0);
}

TEST_CASE("a child forked in a signal handler can open sockets despite a pause of forks") {
    const auto note = [] {
        const support::fork_pause pause;
        for (int i = 500; i < 900; ++i) support::keep_from_children(i, pause);
        for (int i = 500; i < 900; ++i) support::give_up(i, pause);
        return true;
    };
    const load others([&](const std::string&) { return note(); });
    const support::fork_pause pause;
    CHECK(children_say(note));
}

TEST_CASE("sockets that a child opens under the numbers of dead ones are its own even in its children") {
    mirror service;
    blocking_store db(service.server().endpoint(), key);
    CHECK(gets_own(db, "parent"));
    CHECK(child_says([&] {
        ::closefrom(3); // as daemons do
        std::vector<int> own;
        for (int i = 0; i < 32; ++i) own.push_back(::open("/dev/null", O_RDONLY | O_CLOEXEC));
        return child_says([&] {
            struct stat s;
            return std::ranges::all_of(own, [&](int d) { return ::fstat(d, &s) == 0 && S_ISCHR(s.st_mode); });
        });
    }));
    CHECK(gets_own(db, "parent"));
}

TEST_CASE("a child looks up host names even as a daemon") {
    mirror service;
    const host_name name("service.test", {"127.0.0.1"});
    blocking_store db("http://service.test:" + std::to_string(service.server().port()) + "/acct", key,
                      store_options().allow_plain_http(true).idle_timeout(0ms));
    CHECK(gets_own(db, "parent", 2));
    CHECK(child_says([&] { return gets_own(db, "child", 2); }));
    CHECK(gets_own(db, "parent", 1));
}

TEST_CASE("request ids and batch boundaries do not repeat") {
    mirror service;
    blocking_store db(service.server().endpoint(), key);
    asio::io_context context;
    const store async(context.get_executor(), service.server().endpoint(), key);
    CHECK(gets_own(db, "parent", 1));
    CHECK(get_own(context, async, "parent"));
    for (int i = 0; i < 3; ++i) {
        context.notify_fork(asio::io_context::fork_prepare);
        CHECK(child_says([&] {
            context.notify_fork(asio::io_context::fork_child);
            return gets_own(db, "child", 20) && get_own(context, async, "child");
        }));
        context.notify_fork(asio::io_context::fork_parent);
        CHECK(gets_own(db, "parent", 20));
        CHECK(get_own(context, async, "parent"));
    }
    const std::vector<std::string> ids = service.ids();
    CHECK(ids.size() == 1 + 8 + 3 * 56);
    CHECK(std::set<std::string>(ids.begin(), ids.end()).size() == ids.size());
}

TEST_CASE("an emulator belongs to the parent even where its scope ends in the child") {
    auto service = std::make_unique<emulator>();
    auto db = blocking_store::from_connection_string(service->connection_string());
    db.put("k", {});
    CHECK(azkv::test::child_says(fork_at_rest(), [&] {
        service->faults(fault_plan());
        service->stop();
        service.reset();
        return db.get("k").has_value();
    }));
    CHECK(azkv::test::child_says(fork_at_rest(), [&] {
        *service = emulator();
        auto own = blocking_store::from_connection_string(service->connection_string());
        return !own.get("k").has_value() && db.get("k").has_value();
    }));
    CHECK(db.get("k").has_value());
}

TEST_CASE("an emulator that stops is gone although a child holds its sockets") {
    emulator service;
    auto db = blocking_store::from_connection_string(service.connection_string(),
                                                     store_options().max_attempts(1).timeout(20s));
    db.put("k", {});
    const pid_t child = fork_at_rest();
    if (child == 0)
        for (;;) ::pause();
    service.stop();
    const auto begun = std::chrono::steady_clock::now();
    CHECK(failure_of([&] { return db.get("k"); }).code() == condition::transient);
    CHECK(std::chrono::steady_clock::now() - begun < 10s); // refused at once
    service.start();
    CHECK(db.get("k").has_value());
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
}
