#pragma once

#include <azkv/error.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/system/system_error.hpp>

#include <coroutine>
#include <cstddef>
#include <exception>
#include <iterator>
#include <optional>
#include <utility>
#include <vector>

namespace azkv {

namespace asio = boost::asio;

namespace detail {

/// An operation that the body of a generator awaits. The body suspends on it; the consumer's coroutine runs
/// it, then resumes the body.
class pending_operation {
public:
    virtual asio::awaitable<void> run() = 0;

    void fail(std::exception_ptr e) noexcept { error_ = std::move(e); }

    bool await_ready() const noexcept { return false; }

    template <class Promise>
    void await_suspend(std::coroutine_handle<Promise> body) noexcept {
        body.promise().pending = this;
    }

protected:
    ~pending_operation() = default;

    void rethrow_failure() {
        if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
    }

    // Throws when the coroutine that ran the operation was destroyed.
    [[noreturn]] static void abort() { throw boost::system::system_error(asio::error::operation_aborted); }

private:
    std::exception_ptr error_;
};

template <class U>
class pending_awaitable final : public pending_operation {
public:
    explicit pending_awaitable(asio::awaitable<U> op) : op_(std::move(op)) {}

    asio::awaitable<void> run() override { result_.emplace(co_await std::move(op_)); }

    U await_resume() {
        this->rethrow_failure();
        if (!result_) this->abort();
        return std::move(*result_);
    }

private:
    asio::awaitable<U> op_;
    std::optional<U> result_;
};

template <>
class pending_awaitable<void> final : public pending_operation {
public:
    explicit pending_awaitable(asio::awaitable<void> op) : op_(std::move(op)) {}

    asio::awaitable<void> run() override {
        co_await std::move(op_);
        finished_ = true;
    }

    void await_resume() {
        this->rethrow_failure();
        if (!finished_) this->abort();
    }

private:
    asio::awaitable<void> op_;
    bool finished_ = false;
};

} // namespace detail

/// A sequence whose elements arrive in pages, each fetched on demand.
///
///     while (auto e = co_await rows.next()) use(*e);
///
/// The body of the generator runs only inside `next()` and `next_page()`, in the caller's coroutine, with the
/// caller's executor and cancellation. Between calls nothing runs and no execution context holds work, so an
/// abandoned generator costs nothing and needs no clean-up. (Exception: work the body started elsewhere, see
/// `store_options::read_ahead`.)
///
/// - Throws: what the body reports or throws. A failure is never mistaken for the end of the sequence. After
///   a failure that the body reports, the next call requests the same page again; a store's query reports
///   every failure to fetch a page. An exception that the body throws ends the sequence: every further call
///   throws it again.
/// - Cancellation: terminal; the call completes with `asio::error::operation_aborted`. No element is lost:
///   the next call returns what the cancelled one would have returned, so `co_await (rows.next() || timer)`
///   works in a loop.
/// - Thread safety: one call at a time; a second one throws `azkv::error` (errc::invalid_argument).
/// - Lifetime: the generator may be moved at any time, and destroyed when no call is outstanding.
///
/// A coroutine that returns `async_generator<T>` may `co_await` any `asio::awaitable<U>`, and `co_yield` a
/// `T`, a whole `std::vector<T>`, or a `std::exception_ptr`. The last reports a failure: the pending call
/// throws it, and the next call resumes the coroutine. When a call is cancelled, the `co_await` that the
/// coroutine is suspended in throws.
template <class T>
class [[nodiscard]] async_generator {
public:
    class promise_type;
    using value_type = T;
    using page_type = std::vector<T>;

    async_generator(async_generator&& other) noexcept : body_(std::exchange(other.body_, nullptr)) {}

    async_generator& operator=(async_generator other) noexcept {
        std::swap(body_, other.body_);
        return *this;
    }

    ~async_generator() {
        if (body_) body_.destroy();
    }

    /// Returns the next element, or nullopt at the end of the sequence.
    asio::awaitable<std::optional<T>> next() { return take_one(body_); }

    /// Returns the rest of the current page or, if nothing is left of it, the next page that is not empty.
    /// Returns an empty vector at the end of the sequence.
    asio::awaitable<page_type> next_page() { return take_page(body_); }

private:
    using handle = std::coroutine_handle<promise_type>;

    explicit async_generator(handle body) noexcept : body_(body) {}

    // Marks the generator as busy during a call.
    class busy_guard {
    public:
        explicit busy_guard(promise_type& p) : promise_(p) {
            if (promise_.busy)
                throw error(errc::invalid_argument, "cannot fetch an element: another call of the same "
                                                    "generator is in progress; await it first");
            promise_.busy = true;
        }

        ~busy_guard() { promise_.busy = false; }

        busy_guard(const busy_guard&) = delete;
        busy_guard& operator=(const busy_guard&) = delete;

    private:
        promise_type& promise_;
    };

    // Static, with the handle by value: the generator may be moved while these are suspended.
    static asio::awaitable<std::optional<T>> take_one(handle body) {
        std::optional<T> item;
        if (!body) co_return item;
        promise_type& p = body.promise();
        const busy_guard guard(p);
        if (p.unread() == 0) co_await fetch(body);
        if (p.unread() != 0) item.emplace(std::move(p.page[p.at++]));
        co_return item;
    }

    static asio::awaitable<page_type> take_page(handle body) {
        page_type page;
        if (!body) co_return page;
        promise_type& p = body.promise();
        const busy_guard guard(p);
        if (p.unread() == 0) co_await fetch(body);
        p.page.erase(p.page.begin(), p.page.begin() + static_cast<std::ptrdiff_t>(p.at));
        p.at = 0;
        std::swap(page, p.page);
        co_return page;
    }

    // Runs the body until it yields an element, reports a failure or ends.
    static asio::awaitable<void> fetch(handle body) {
        promise_type& p = body.promise();
        p.page.clear();
        p.at = 0;
        // Asio itself would throw for every kind of cancellation that the caller has enabled.
        const bool throws = co_await asio::this_coro::throw_if_cancelled();
        co_await asio::this_coro::throw_if_cancelled(false);
        const asio::cancellation_state state = co_await asio::this_coro::cancellation_state;
        while (p.page.empty() && !p.failure && !body.done()) {
            body.resume();
            while (p.pending) {
                detail::pending_operation* const op = std::exchange(p.pending, nullptr);
                std::exception_ptr failure;
                try {
                    throw_if_terminal(state);
                    co_await op->run();
                } catch (...) {
                    failure = std::current_exception();
                }
                if (failure) op->fail(std::move(failure));
                body.resume();
            }
        }
        co_await asio::this_coro::throw_if_cancelled(throws);
        if (p.failure) {
            if (body.done()) std::rethrow_exception(p.failure);
            std::rethrow_exception(std::exchange(p.failure, nullptr));
        }
        // A page may arrive together with the cancellation: it is kept for the next call.
        if (!p.page.empty()) throw_if_terminal(state);
    }

    static void throw_if_terminal(const asio::cancellation_state& state) {
        if ((state.cancelled() & asio::cancellation_type::terminal) != asio::cancellation_type::none)
            throw boost::system::system_error(asio::error::operation_aborted);
    }

    handle body_;
};

template <class T>
class async_generator<T>::promise_type {
public:
    async_generator get_return_object() { return async_generator(handle::from_promise(*this)); }

    std::suspend_always initial_suspend() noexcept { return {}; }

    std::suspend_always final_suspend() noexcept { return {}; }

    void return_void() noexcept {}

    void unhandled_exception() noexcept { failure = std::current_exception(); }

    std::suspend_always yield_value(std::exception_ptr reported) noexcept {
        failure = std::move(reported);
        return {};
    }

    std::suspend_always yield_value(T item) {
        page.push_back(std::move(item));
        return {};
    }

    std::suspend_always yield_value(page_type items) {
        page = std::move(items);
        return {};
    }

    template <class U>
    detail::pending_awaitable<U> await_transform(asio::awaitable<U> op) {
        return detail::pending_awaitable<U>(std::move(op));
    }

private:
    friend async_generator;
    friend detail::pending_operation;

    std::size_t unread() const noexcept { return page.size() - at; }

    detail::pending_operation* pending = nullptr;
    page_type page;
    std::size_t at = 0;         // first unread element of `page`
    std::exception_ptr failure; // thrown by the call; kept if the body ended with it
    bool busy = false;          // a call is in progress
};

} // namespace azkv
