// Which cancellation ends an operation, wherever it stands.

#include "async/stop_signal.hpp"
#include "support/all_operations.hpp"
#include "support/raw_server.hpp"
#include "support/scripted_store.hpp"
#include "support/spawned.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <optional>
#include <string>
#include <vector>

using namespace azkv;
using namespace azkv::test;
using asio::cancellation_type;

namespace {

/// Each of its requests is answered after some trouble.
void answer(scripted_transport& net, const operation_sample& o) {
    for (std::size_t i = 0; i < o.good.size(); ++i) {
        net.answer(i == 0 && o.writes() ? 500 : 503); // after the former it may have been applied
        net.answer(o.good[i]);
    }
}

// Asio ends a caller who is cancelled at the next await, so that no loop over the rows goes on.
asio::awaitable<std::string> first_row(store db, operation_arguments a) {
    auto rows = db.query(std::move(a.filter), std::move(a.collection));
    const auto row = co_await rows.next();
    co_return row ? row->key() : "none";
}

std::vector<operation_sample> operations() {
    std::vector<operation_sample> all = all_operations();
    const auto query = std::ranges::find(all, "query", &operation_sample::name);
    REQUIRE(query != all.end());
    query->call = &first_row;
    query->good.erase(query->good.begin()); // the last page is enough
    query->result = "b";
    operation_sample empty_pages = *query;
    empty_pages.name = "query, with empty pages";
    for (const char* next : {"y", "x"}) {
        protocol::response empty;
        empty.status = 200;
        empty.body = R"({"value":[]})";
        empty.next_partition_key = empty.next_row_key = next;
        empty_pages.good.insert(empty_pages.good.begin(), empty);
    }
    all.push_back(empty_pages);
    return all;
}

/// How a coroutine ended that had all kinds of cancellation passed to it.
class ending : public spawned<void> {
public:
    bool begun = false;
    bool throws_again = false; // as Asio's coroutines do
};

asio::awaitable<void> call(const operation_sample& o, store db, ending& end) {
    end.begun = true;
    co_await asio::this_coro::reset_cancellation_state(asio::enable_total_cancellation());
    std::exception_ptr failure;
    try {
        const std::string result = co_await o.run(db);
        CHECK(result == o.result);
    } catch (...) {
        failure = std::current_exception();
    }
    end.throws_again = co_await asio::this_coro::throw_if_cancelled();
    if (failure) std::rethrow_exception(failure);
}

// Runs it, and emits the signal after so many steps. False if it ended before. (Before the first step it is
// not ours: what co_spawn does with the signal then depends on Boost's version.)
bool run(scripted_store& s, const operation_sample& o, int steps, cancellation_type type, ending& end) {
    answer(*s.net, o);
    end.start_cancellable(s.context, call(o, s.db, end));
    run_until(s.context, [&] { return end.begun; });
    for (int i = 0; i < steps && !end.done; ++i) s.context.run_one();
    const bool in_time = !end.done;
    if (in_time) end.signal.emit(type);
    s.context.run();
    REQUIRE(end.done);
    CHECK(end.throws_again);
    return in_time;
}

} // namespace

TEST_CASE("partial and total cancellation end no operation, wherever it stands") {
    for (const operation_sample& o : operations()) {
        CAPTURE(o.name);
        for (const auto type : {cancellation_type::total, cancellation_type::partial}) {
            int steps = 0;
            for (bool in_time = true; in_time; ++steps) {
                CAPTURE(steps);
                scripted_store s;
                ending end;
                in_time = run(s, o, steps, type, end);
                CHECK_FALSE(end.code());
                CHECK(s.net->finished());
            }
            CHECK(steps > 2);
        }
    }
}

TEST_CASE("terminal cancellation ends operations, wherever they stand") {
    int aborted = 0;
    for (const operation_sample& o : operations()) {
        CAPTURE(o.name);
        int steps = 0;
        for (bool in_time = true; in_time; ++steps) {
            CAPTURE(steps);
            scripted_store s;
            ending end;
            in_time = run(s, o, steps, cancellation_type::terminal, end);
            aborted += end.code() == asio::error::operation_aborted;
            if (end.code()) CHECK(end.code() == asio::error::operation_aborted);
        }
    }
    CHECK(aborted > 5); // what is about to succeed may
}

TEST_CASE("a coroutine that is stopped ends like any other, also before its first step") {
    bool ended_in_time = false;
    for (int steps = 0; !ended_in_time; ++steps) {
        CAPTURE(steps);
        asio::io_context context;
        async::stop_signal stop;
        std::exception_ptr failure;
        const auto two_pauses = [&]() -> asio::awaitable<void> {
            stop.begin();
            asio::steady_timer pause(context, std::chrono::milliseconds(0));
            for (int i = 0; i < 2; ++i) co_await pause.async_wait(asio::use_awaitable);
            ended_in_time = true;
        };
        asio::co_spawn(context, two_pauses(),
                       asio::bind_cancellation_slot(stop.slot(), [&](std::exception_ptr e) { failure = e; }));
        for (int i = 0; i < steps; ++i) context.run_one();
        if (!ended_in_time) stop.emit();
        context.run(); // throws nothing
        if (ended_in_time) break;
        REQUIRE(failure);
        CHECK_THROWS_AS(std::rethrow_exception(failure), boost::system::system_error);
    }
}

TEST_CASE("a write whose answer comes in pieces is done, whatever total cancellation comes meanwhile") {
    raw_answer slow("HTTP/1.1 204 No Content\r\n\r\n");
    slow.pace = std::chrono::milliseconds(10);
    raw_server server({slow});
    asio::io_context context;
    store db(context.get_executor(), server.endpoint(), test_credential());
    asio::steady_timer timer(context);
    ending end;
    int emitted = 0;
    std::function<void()> emit_again = [&] {
        timer.expires_after(std::chrono::milliseconds(3));
        timer.async_wait([&](boost::system::error_code ec) {
            if (ec || end.done) return; // it may have been ready already
            ++emitted;
            end.signal.emit(cancellation_type::total);
            emit_again();
        });
    };
    const operation_sample& o = operation_named("put");
    asio::co_spawn(context, call(o, db, end),
                   asio::bind_cancellation_slot(end.signal.slot(), [&](std::exception_ptr e) {
                       end.complete(e);
                       timer.cancel();
                   }));
    emit_again();
    context.run();
    CHECK(end.done);
    CHECK_FALSE(end.code());
    CHECK(emitted > 3);
}
