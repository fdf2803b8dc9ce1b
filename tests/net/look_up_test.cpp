// Look-ups of host names: hanging ones, the calls that wait for them, and their results.

#include "net/http_transport.hpp"
#include "net/look_up.hpp"
#include "support/child.hpp"
#include "support/fixtures.hpp"
#include "support/host_names.hpp"
#include "support/http_server.hpp"
#include "support/run.hpp"

#include <azkv.hpp>
#include <azkv/blocking_store.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <netdb.h>
#include <string>
#include <sys/resource.h>
#include <unistd.h>
#include <vector>

using namespace azkv;
using namespace azkv::test;
using namespace std::chrono_literals;
using boost::system::error_code;
using std::chrono::steady_clock;

namespace {

const credential key = test_credential();

/// A single look-up.
class one_look_up {
public:
    explicit one_look_up(std::string host)
        : over_(std::make_shared<async::manual_reset_event>(context_->get_executor())) {
        asio::co_spawn(*context_, net::look_up(std::move(host), over_, found_),
                       [this](std::exception_ptr e, error_code ec) {
                           CHECK_FALSE(e);
                           ended_ = true;
                           error_ = ec;
                       });
        context_->poll();
    }

    void cancel() { over_->set(); }

    void destroy_context() {
        over_.reset();
        context_.reset();
    }

    bool ended() const { return ended_; }

    error_code error() {
        context_->run();
        CHECK(ended_);
        return error_;
    }

    std::vector<std::string> found() const {
        std::vector<std::string> texts;
        for (const auto& a : found_) texts.push_back(a.to_string());
        return texts;
    }

private:
    std::vector<asio::ip::address> found_;
    bool ended_ = false;
    error_code error_;
    std::unique_ptr<asio::io_context> context_ = std::make_unique<asio::io_context>();
    std::shared_ptr<async::manual_reset_event> over_;
};

store_options impatient() {
    return store_options().connect_timeout(200ms).max_attempts(1).allow_plain_http(true);
}

} // namespace

TEST_CASE("a hanging look-up blocks neither another host nor the context") {
    const host_name hanging = host_name::hanging("hanging.test");
    const host_name healthy("healthy.test", {"127.0.0.1"});
    http_server server(ok_entity);
    {
        asio::io_context context;
        store db(context.get_executor(), "https://hanging.test", key, impatient());
        store other(context.get_executor(), "http://healthy.test:" + std::to_string(server.port()) + "/acct",
                    key, impatient().connect_timeout(5s));
        int timed_out = 0;
        for (int i = 0; i < 5; ++i)
            asio::co_spawn(context, db.get("k"), [&](std::exception_ptr f, auto) {
                const error e = failure_of([&] { std::rethrow_exception(f); });
                timed_out +=
                    e.code() == condition::timed_out && contains(e.what(), "looking up hanging.test");
            });
        bool answered = false;
        asio::co_spawn(context, other.get("k"),
                       [&](std::exception_ptr f, auto v) { answered = !f && v && v->at("i") == 1; });
        context.run(); // no work is left
        CHECK(timed_out == 5);
        CHECK(answered);
        CHECK(hanging.begun() == 1); // one thread for all
        CHECK(hanging.signals_were_blocked());
    }
    CHECK(hanging.begun() == 1);
}

TEST_CASE("cancellation and closing abandon a hanging look-up") {
    const host_name hanging = host_name::hanging("hanging.test");
    asio::io_context context;
    SUBCASE("cancellation") {
        store db(context.get_executor(), "https://hanging.test", key, store_options().max_attempts(1));
        asio::cancellation_signal signal;
        bool cancelled = false;
        asio::co_spawn(context, db.get("k"),
                       asio::bind_cancellation_slot(signal.slot(), [&](std::exception_ptr f, auto) {
                           try {
                               std::rethrow_exception(f);
                           } catch (const boost::system::system_error& e) {
                               cancelled = e.code() == asio::error::operation_aborted;
                           }
                       }));
        context.poll();
        hanging.wait_until_begun(1);
        signal.emit(asio::cancellation_type::terminal);
        context.run();
        CHECK(cancelled);
    }
    SUBCASE("closing") {
        net::connector::settings patient;
        patient.connect_timeout = 1h;
        net::http_transport transport(context.get_executor(), net::pool::limits(1), patient);
        protocol::authority to;
        to.host = "hanging.test";
        to.port = "80";
        protocol::response response;
        net::exchange x(response);
        x.to = &to;
        x.deadline = steady_clock::now() + 1h;
        bool ended = false;
        asio::co_spawn(context, transport.run(x), [&](std::exception_ptr) { ended = true; });
        context.poll();
        CHECK(std::string_view(x.phase) == "looking up");
        transport.close();
        context.run();
        CHECK(ended);
        CHECK(x.error == errc::closed);
        CHECK(transport.connections().in_use() == 0);
    }
    SUBCASE("a blocking store") {
        std::optional<blocking_store> db;
        db.emplace("https://hanging.test", key, impatient());
        CHECK(failure_of([&] { return db->get("k"); }).code() == errc::timed_out);
        const auto begun = steady_clock::now();
        CHECK(db->close(100ms));
        db.reset();
        CHECK(steady_clock::now() - begun < 1s);
    }
}

TEST_CASE("look-ups of one host are shared and their result reaches all that still wait") {
    host_name host = host_name::hanging("shared.test", {"127.0.0.1", "::1"});
    one_look_up first("shared.test"), second("shared.test"), given_up("shared.test"),
        destroyed("shared.test");
    host.wait_until_begun(1);
    given_up.cancel();
    CHECK(given_up.error() == asio::error::operation_aborted);
    destroyed.destroy_context();
    CHECK_FALSE(first.ended());
    host.release();
    for (one_look_up* l : {&first, &second}) {
        CHECK_FALSE(l->error());
        CHECK(l->found() == std::vector<std::string>{"127.0.0.1", "::1"});
    }
    CHECK(given_up.found().empty());
    CHECK_FALSE(destroyed.ended());
    CHECK(host.begun() == 1);
    one_look_up later("shared.test");
    CHECK_FALSE(later.error());
    CHECK(host.begun() == 2); // results are not cached
}

TEST_CASE("a look-up that no call waits for ends without harm") {
    host_name host = host_name::hanging("forgotten.test", {"127.0.0.1"});
    {
        one_look_up given_up("forgotten.test"), destroyed("forgotten.test");
        host.wait_until_begun(1);
        given_up.cancel();
        CHECK(given_up.error() == asio::error::operation_aborted);
    }
    host.release();
    host.wait_until_over();
    one_look_up later("forgotten.test");
    CHECK_FALSE(later.error());
    CHECK(later.found() == std::vector<std::string>{"127.0.0.1"});
}

TEST_CASE("why a look-up failed") {
    class row {
    public:
        int error;
        error_code code;
        bool transient;
    };

    const std::vector<row> rows{{EAI_NONAME, asio::error::host_not_found, false},
                                {EAI_NODATA, asio::error::host_not_found, false},
                                {EAI_AGAIN, asio::error::host_not_found_try_again, true},
                                {EAI_FAIL, asio::error::no_recovery, false},
                                {EAI_FAMILY, asio::error::address_family_not_supported, false},
                                {EAI_MEMORY, asio::error::no_memory, false},
                                {EAI_SERVICE, asio::error::service_not_found, false},
                                {EAI_SOCKTYPE, asio::error::socket_type_not_supported, false},
                                {EAI_BADFLAGS, asio::error::invalid_argument, false}};
    for (const row& r : rows) {
        CAPTURE(r.error);
        const host_name host = host_name::failing("failing.test", r.error);
        one_look_up l("failing.test");
        const error_code ec = l.error();
        CHECK(ec == r.code);
        CHECK((ec == condition::transient) == r.transient);
        CHECK(l.found().empty());
    }
    const host_name nothing("nothing.test", {});
    CHECK(one_look_up("nothing.test").error() == asio::error::host_not_found);
}

#if !AZKV_THREAD_SANITIZER // which does not support forks
TEST_CASE("where no thread can start a look-up may be retried") {
    const host_name host("threadless.test", {"127.0.0.1"});
    CHECK(child_says(::fork(), [] {
        constexpr unsigned nobody = 65534; // an unprivileged user, unlike root, is subject to limits
        if (::geteuid() == 0 && ::setuid(nobody) != 0) return false;
        const rlimit none{1, 1};
        if (::setrlimit(RLIMIT_NPROC, &none) != 0) return false;
        const error_code ec = one_look_up("threadless.test").error();
        return ec == asio::error::host_not_found_try_again && ec == condition::transient;
    }));
}

TEST_CASE("the child of a fork does not wait for the look-ups of its parent") {
    host_name host = host_name::hanging("forked.test", {"127.0.0.1"});
    one_look_up parents("forked.test");
    host.wait_until_begun(1);
    CHECK(child_says(::fork(), [&] { // with a copy of the names, and without the thread
        host.release();
        one_look_up childs("forked.test");
        const bool right = !childs.error() && childs.found().size() == 1;
        parents.destroy_context();
        return right;
    }));
    host.release();
    CHECK_FALSE(parents.error());
}
#endif
