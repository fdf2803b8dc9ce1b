#include "identity/fake_programs.hpp"
#include "identity/sources/run_process.hpp"
#include "support/run.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/system/system_error.hpp>
#include <doctest/doctest.h>

#include <atomic>
#include <csignal>
#include <future>
#include <memory>
#include <spawn.h>
#include <string>
#include <thread>
#include <vector>

using namespace azkv;
namespace asio = boost::asio;
using namespace std::chrono_literals;
using identity::command;
using identity::process_result;
using identity::run_process;
using ending = process_result::ending;

namespace {

process_result result_of(command c) {
    asio::io_context context;
    return test::run(context, run_process(std::move(c)));
}

std::string output_of(const process_result& r) {
    return std::string(r.output.reveal());
}

command shell(const std::string& script) {
    return command("/bin/sh", {"-c", script});
}

/// Restores the action of a signal.
class action_of_signal {
public:
    action_of_signal(int number, void (*action)(int))
        : number_(number), before_(std::signal(number, action)) {}

    ~action_of_signal() { std::signal(number_, before_); }

private:
    int number_;
    void (*before_)(int);
};

} // namespace

TEST_CASE("a program receives its arguments and variables and directory unchanged and no input") {
    test::fake_programs programs;
    const std::string program = programs.add("p", R"(
for a in "$@"; do printf '<%s>\n' "$a"; done > "$left/arguments"
env > "$left/environment"
pwd -P > "$left/directory"
readlink /proc/self/fd/0 > "$left/input"
echo out; echo err >&2
exit 3)");
    command c(program, {"a b", "", "$HOME;`id`", "-x", "\"'\\\n*"});
    c.variables = {{"HOME", "here it is"}, {"AZKV_NEW", "a=b"}};
    c.working_directory = programs.directory();
    const process_result r = result_of(c);
    CHECK(r.how == ending::exited);
    CHECK(r.exit_code == 3);
    CHECK(output_of(r) == "out\n");
    CHECK(r.errors.reveal() == "err\n");
    CHECK(programs.text("arguments") == "<a b>\n<>\n<$HOME;`id`>\n<-x>\n<\"'\\\n*>\n");
    const std::string environment = '\n' + programs.text("environment");
    CHECK(test::contains(environment, "\nHOME=here it is\n"));
    CHECK(environment.find("\nHOME=") == environment.rfind("\nHOME="));
    CHECK(test::contains(environment, "\nAZKV_NEW=a=b\n"));
    CHECK(test::contains(environment, "\nPATH=")); // this process has it
    CHECK(programs.text("directory") == std::filesystem::canonical(programs.directory()).string() + '\n');
    CHECK(programs.text("input") == "/dev/null\n");
}

TEST_CASE(
    "a program has no inherited descriptor and no blocked or ignored signal and its own process group") {
    asio::io_context context;
    asio::ip::tcp::acceptor socket(context, {asio::ip::tcp::v4(), 0}); // inheritable, as Asio opens it
    const int copy = fcntl(socket.native_handle(), F_DUPFD, 57);
    REQUIRE(copy >= 57);
    const command list("/bin/ls", {"/proc/self/fd"}); // the last one is the directory
    CHECK(output_of(test::run(context, run_process(list))) == "0\n1\n2\n3\n");
    close(copy);

    const action_of_signal ignored(SIGPIPE, SIG_IGN);
    sigset_t blocked, before;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &blocked, &before);
    const command status("/bin/sed", {"-n", "s/^Sig\\(Blk\\|Ign\\):\t//p", "/proc/self/status"});
    const std::string signals = output_of(test::run(context, run_process(status)));
    REQUIRE(signals.size() == 34);
    const auto named = [](const std::string& mask) { return std::stoull(mask, nullptr, 16) & 0x7FFFFFFF; };
    CHECK(named(signals.substr(0, 16)) == 0);
    CHECK(named(signals.substr(17)) == 0); // the C library reserves two more
    pthread_sigmask(SIG_SETMASK, &before, nullptr);

    const command group = shell("cut -d' ' -f5 /proc/$$/stat; echo $$");
    const std::string numbers = output_of(test::run(context, run_process(group)));
    const auto half = numbers.size() / 2;
    CHECK(numbers.substr(0, half) == numbers.substr(half));
    CHECK(numbers.substr(0, half) != std::to_string(getpgrp()) + '\n');
}

TEST_CASE("closed standard descriptors do no harm") {
    const pid_t copy = fork(); // the child prints nothing
    if (copy == 0) {
        asio::io_context context;
        for (int i = 0; i < 3; ++i) close(i);
        std::string said;
        const auto on_done = [&](std::exception_ptr e, const process_result& r) {
            if (!e) said = output_of(r) + std::string(r.errors.reveal());
        };
        asio::co_spawn(context, run_process(shell("readlink /proc/$$/fd/0; echo err >&2")), on_done);
        context.run();
        _exit(said == "/dev/null\nerr\n" ? 0 : 1);
    }
    int status = -1;
    CHECK(waitpid(copy, &status, 0) == copy);
    CHECK(status == 0);
}

TEST_CASE("the exit code of a killed program is that of shells") {
    CHECK(result_of(shell("kill -TERM $$")).exit_code == 128 + SIGTERM);
    CHECK(result_of(shell("exit 127")).exit_code == 127);
    CHECK(result_of(shell("")).exit_code == 0);
}

TEST_CASE("a program that cannot be started leaves no descriptors open") {
    test::fake_programs programs;
    asio::io_context context;
    const auto failure = [&](const command& c) {
        try {
            test::run(context, run_process(c));
        } catch (const boost::system::system_error& e) {
            return e.code();
        }
        return boost::system::error_code();
    };
    namespace reason = boost::system::errc;
    CHECK(failure(command("/nowhere/p", {})) == reason::no_such_file_or_directory);
    const std::size_t before = test::open_descriptors();
    CHECK(failure(command(programs.add("p", "", false), {})) == reason::permission_denied);
    CHECK(failure(command(programs.directory(), {})) == reason::permission_denied);
    command elsewhere("/bin/true", {});
    elsewhere.working_directory = programs.directory() + "/nowhere";
    CHECK(failure(elsewhere) == reason::no_such_file_or_directory);
    CHECK(test::open_descriptors() == before);
    CHECK_FALSE(test::has_children());
}

TEST_CASE("a finished call leaves no descriptors and no children") {
    asio::io_context context;
    test::run(context, run_process(shell("echo")));
    const std::size_t before = test::open_descriptors();
    for (int i = 0; i < 5; ++i) test::run(context, run_process(shell("echo; exit 1")));
    CHECK(test::open_descriptors() == before);
    CHECK_FALSE(test::has_children());
}

TEST_CASE("at its time limit a program is killed with all its children") {
    test::fake_programs programs;
    const test::started_pipe started(programs);
    command c(programs.add("p", test::hanging_script), {});
    c.time_limit = 1s;
    const auto begin = std::chrono::steady_clock::now();
    CHECK(result_of(c).how == ending::timed_out);
    CHECK(std::chrono::steady_clock::now() - begin >= 1s);
    CHECK(test::ends(started.number()));
    CHECK_FALSE(test::has_children());
}

TEST_CASE("a call ends with its program even if children hold the output open") {
    test::fake_programs programs;
    const test::started_pipe started(programs);
    command c(programs.add("p", "sleep 600 &\necho $! > \"$left/started\"\necho done\nexit 7"), {});
    c.time_limit = 60s;
    const auto begin = std::chrono::steady_clock::now();
    const process_result r = result_of(c);
    CHECK(std::chrono::steady_clock::now() - begin < 30s);
    CHECK(r.how == ending::exited);
    CHECK(r.exit_code == 7);
    CHECK(output_of(r) == "done\n");
    CHECK_FALSE(test::has_children());
    CHECK(::kill(started.number(), SIGKILL) == 0); // it was not killed
}

TEST_CASE("a program with endless output is killed") {
    for (const char* script : {"cat /dev/zero", "cat /dev/zero >&2"}) {
        CAPTURE(script);
        CHECK(result_of(shell(script)).how == ending::too_much_output);
        CHECK_FALSE(test::has_children());
    }
    command c = shell("printf 12345; printf 123 >&2");
    c.max_output = 5;
    c.max_errors = 3;
    const process_result r = result_of(c);
    CHECK(r.how == ending::exited);
    CHECK(output_of(r) == "12345");
    CHECK(r.errors.reveal() == "123");
    c.max_output = 4;
    CHECK(result_of(c).how == ending::too_much_output);
    c.max_output = 5;
    c.max_errors = 2;
    CHECK(result_of(c).how == ending::too_much_output);
}

TEST_CASE("input and output up to the limit pass at the same time") {
    const process_result r =
        result_of(shell("head -c 65536 /dev/zero >&2 & head -c 262144 /dev/zero; wait; exit 4"));
    CHECK(r.how == ending::exited);
    CHECK(r.exit_code == 4);
    CHECK(r.output.reveal().size() == 262144);
    CHECK(r.errors.reveal().size() == 65536);
}

TEST_CASE("cancelling a call kills the program with all its children") {
    test::fake_programs programs;
    const test::started_pipe started(programs);
    asio::io_context context;
    asio::cancellation_signal stop;
    std::exception_ptr failure;
    bool done = false;
    const auto on_done = [&](std::exception_ptr e, const process_result&) {
        failure = e;
        done = true;
    };
    const command c(programs.add("p", test::hanging_script), {});
    asio::co_spawn(context, run_process(c), asio::bind_cancellation_slot(stop.slot(), on_done));
    const pid_t grandchild = started.await(context);
    stop.emit(asio::cancellation_type::terminal);
    context.restart();
    context.run();
    REQUIRE(done);
    REQUIRE(failure);
    try {
        std::rethrow_exception(failure);
    } catch (const boost::system::system_error& e) {
        CHECK(e.code() == asio::error::operation_aborted);
    }
    CHECK(test::ends(grandchild));
    CHECK_FALSE(test::has_children());
}

TEST_CASE("a call that is cancelled at once leaves no process") {
    test::fake_programs programs;
    asio::io_context context;
    asio::cancellation_signal stop;
    std::exception_ptr failure;
    const auto on_done = [&](std::exception_ptr e, const process_result&) { failure = e; };
    const command c("/bin/sleep", {"600"});
    asio::co_spawn(context, run_process(c), asio::bind_cancellation_slot(stop.slot(), on_done));
    context.poll_one();
    stop.emit(asio::cancellation_type::terminal);
    context.run();
    CHECK(failure);
    CHECK_FALSE(test::has_children());
}

TEST_CASE("a program does not outlive the context it runs on") {
    test::fake_programs programs;
    const test::started_pipe started(programs);
    pid_t grandchild = 0;
    {
        asio::io_context context;
        const command c(programs.add("p", test::hanging_script), {});
        asio::co_spawn(context, run_process(c), [](std::exception_ptr, const process_result&) {});
        grandchild = started.await(context);
    }
    CHECK(test::ends(grandchild));
    CHECK_FALSE(test::has_children());
}

TEST_CASE("concurrent programs on several threads with and without strands") {
    asio::io_context context;
    std::vector<std::future<process_result>> results;
    for (int i = 0; i < 20; ++i) {
        const command c = shell("echo " + std::to_string(i) + "; echo x" + std::to_string(i) + " >&2; exit "
                                + std::to_string(i));
        asio::any_io_executor executor = context.get_executor();
        if (i % 2) executor = asio::make_strand(context);
        results.push_back(asio::co_spawn(executor, run_process(c), asio::use_future));
    }
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) threads.emplace_back([&] { context.run(); });
    for (std::thread& t : threads) t.join();
    for (int i = 0; i < 20; ++i) {
        const process_result r = results[static_cast<std::size_t>(i)].get();
        CHECK(r.exit_code == i);
        CHECK(output_of(r) == std::to_string(i) + '\n');
        CHECK(r.errors.reveal() == 'x' + std::to_string(i) + '\n');
    }
    CHECK_FALSE(test::has_children());
}

TEST_CASE("cancellation while programs end on several threads") {
    asio::io_context context;
    const asio::any_io_executor executor = context.get_executor();
    constexpr int count = 20;
    std::vector<std::unique_ptr<asio::cancellation_signal>> stops;
    std::vector<asio::strand<asio::any_io_executor>> strands;
    std::atomic<int> done = 0;
    for (int i = 0; i < count; ++i) {
        stops.push_back(std::make_unique<asio::cancellation_signal>());
        strands.push_back(asio::make_strand(executor));
        const auto on_done = [&](std::exception_ptr, const process_result&) { ++done; };
        asio::co_spawn(strands.back(), run_process(shell("exit 0")),
                       asio::bind_cancellation_slot(stops.back()->slot(), on_done));
    }
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) threads.emplace_back([&] { context.run(); });
    for (std::size_t i = 0; i < count; ++i)
        asio::post(strands[i], [&stop = *stops[i]] { stop.emit(asio::cancellation_type::terminal); });
    for (std::thread& t : threads) t.join();
    CHECK(done == count);
    CHECK_FALSE(test::has_children());
}

TEST_CASE("other children are not waited for and SIGCHLD is unchanged") {
    struct sigaction before {
    }, after{};

    sigaction(SIGCHLD, nullptr, &before);
    pid_t other = 0;
    char name[] = "/bin/true";
    char* arguments[] = {name, nullptr};
    REQUIRE(posix_spawn(&other, name, nullptr, nullptr, arguments, environ) == 0);
    siginfo_t info{};
    REQUIRE(waitid(P_PID, static_cast<id_t>(other), &info, WEXITED | WNOWAIT) == 0);
    CHECK(result_of(shell("exit 5")).exit_code == 5);
    int status = -1;
    CHECK(waitpid(other, &status, 0) == other);
    CHECK(status == 0);
    sigaction(SIGCHLD, nullptr, &after);
    const bool same = after.sa_handler == before.sa_handler;
    CHECK(same);
    CHECK(after.sa_flags == before.sa_flags);
}

TEST_CASE("a program's output arrives even where children are reaped automatically") {
    const action_of_signal ignored(SIGCHLD, SIG_IGN);
    const process_result r = result_of(shell("echo out; exit 5"));
    CHECK(r.how == ending::exited);
    CHECK_FALSE(r.exit_code.has_value());
    CHECK(output_of(r) == "out\n");
    command c = shell("sleep 600");
    c.time_limit = 100ms;
    CHECK(result_of(c).how == ending::timed_out);
}

TEST_CASE("programs are searched for only in absolute directories") {
    test::fake_programs programs;
    programs.add("first/tool", "");
    programs.add("second/tool", "");
    programs.add("plain/tool", "", false);
    programs.add("directory/tool/x", "");
    const std::string at = programs.directory();
    const auto found = [&](const std::string& path) {
        return identity::find_program("tool", path).value_or("none");
    };
    CHECK(found(at + "/first:" + at + "/second") == at + "/first/tool");
    CHECK(found("/nowhere:" + at + "/second:" + at + "/first") == at + "/second/tool");
    CHECK(found(at + "/plain:" + at + "/directory:" + at + "/first") == at + "/first/tool");
    CHECK(found(at + "/plain") == "none");
    CHECK(found(at + "/directory") == "none");
    CHECK(found("") == "none");
    CHECK(found(":::") == "none");

    const std::filesystem::path before = std::filesystem::current_path();
    std::filesystem::current_path(at + "/first");
    CHECK(found("") == "none");
    CHECK(found(":.:./:../second:") == "none");
    CHECK(found(":.:" + at + "/second:.") == at + "/second/tool");
    std::filesystem::current_path(before);
}
