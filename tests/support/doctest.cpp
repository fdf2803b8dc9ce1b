// doctest, and the additions of the test programs. A case that hangs is named on stderr, with the stack of
// the thread that receives the signal, and ends the program; the same holds in a child that a case has
// forked.
#define DOCTEST_CONFIG_IMPLEMENT
#include "support/say.hpp"

#include <doctest/doctest.h>

#include <csignal>
#include <execinfo.h>
#include <unistd.h>

namespace {

using azkv::test::say;

constexpr unsigned limit = 200; // seconds per case, enough on a slow machine under a sanitizer

const char* volatile running = "";

extern "C" void too_long(int) {
    say("\nTook too long: ");
    say(running);
    say("\n");
    void* frames[64];
    ::backtrace_symbols_fd(frames, ::backtrace(frames, 64), STDERR_FILENO);
    std::signal(SIGALRM, SIG_DFL);
    ::raise(SIGALRM);
}

class watchdog : public doctest::IReporter {
public:
    explicit watchdog(const doctest::ContextOptions&) {}

    void test_run_start() override {
        void* frame = nullptr;
        ::backtrace(&frame, 1); // loads what it needs, which a signal handler may not
        std::signal(SIGALRM, &too_long);
    }

    void test_case_start(const doctest::TestCaseData& c) override {
        running = c.m_name;
        ::alarm(limit);
    }

    void test_case_reenter(const doctest::TestCaseData&) override { ::alarm(limit); }

    void test_case_end(const doctest::CurrentTestCaseStats&) override { ::alarm(0); }

    void report_query(const doctest::QueryData&) override {}

    void test_run_end(const doctest::TestRunStats&) override {}

    void test_case_exception(const doctest::TestCaseException&) override {}

    void subcase_start(const doctest::SubcaseSignature&) override {}

    void subcase_end() override {}

    void log_assert(const doctest::AssertData&) override {}

    void log_message(const doctest::MessageData&) override {}

    void test_case_skipped(const doctest::TestCaseData&) override {}
};

DOCTEST_REGISTER_LISTENER("watchdog", 1, watchdog);

} // namespace
