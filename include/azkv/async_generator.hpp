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

/// What the body of a generator waits for. The body suspends with it; the consumer's coroutine awaits it and
/// resumes the body.
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

    // The coroutine that ran it was destroyed.
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

/// A sequence whose elements arrive in pages, each fetched when it is asked for.
///
///     while (auto e = co_await rows.next()) use(*e);
///
/// The body of the generator runs only inside `next()` and `next_page()`, in the caller's coroutine: its
/// executor and its cancellation are the caller's. Between two calls nothing runs and no work is held on any
/// execution context, so an abandoned generator costs nothing and needs no clean-up. (But for what a body has
/// begun elsewhere: `store_options::read_ahead`.)
///
/// - Errors: what the body reports or throws. A failure is never taken for the end of the sequence. After one
///   that the body reports, the next call asks for the same page again: a query of a store reports every
///   failure to fetch a page. What the body throws ends it: every further call throws that again.
/// - Cancellation: terminal; completes with `asio::error::operation_aborted`. No element is lost: the next
///   call returns what the cancelled one would have returned, so that `co_await (rows.next() || timer)` may
///   stand in a loop.
/// - Thread safety: one call at a time; a second one throws `azkv::error` (errc::invalid_argument).
/// - Lifetimes: the generator may be moved at any time, and destroyed when no call is outstanding.
///
/// A coroutine that returns `async_generator<T>` may `co_await` any `asio::awaitable<U>`, and `co_yield` a
/// `T`, a whole `std::vector<T>`, or a `std::exception_ptr`: a failure, which the call throws and after which
/// the next call resumes the coroutine. When a call is cancelled, what the coroutine awaits throws.
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

    /// The next element; nullopt at the end of the sequence.
    asio::awaitable<std::optional<T>> next() { return take_one(body_); }

    /// What is left of the current page, or else the next page that is not empty. An empty vector is the end
    /// of the sequence.
    asio::awaitable<page_type> next_page() { return take_page(body_); }

private:
    using handle = std::coroutine_handle<promise_type>;

    explicit async_generator(handle body) noexcept : body_(body) {}

    // Held while a call is under way.
    class turn {
    public:
        explicit turn(promise_type& p) : promise_(p) {
            if (promise_.taken)
                throw error(errc::invalid_argument,
                            "a generator was asked for an element while it was fetching one");
            promise_.taken = true;
        }

        ~turn() { promise_.taken = false; }

        turn(const turn&) = delete;
        turn& operator=(const turn&) = delete;

    private:
        promise_type& promise_;
    };

    // Static, with the handle by value: the generator object may move while they wait.
    static asio::awaitable<std::optional<T>> take_one(handle body) {
        std::optional<T> item;
        if (!body) co_return item;
        promise_type& p = body.promise();
        const turn only(p);
        if (p.unread() == 0) co_await fetch(body);
        if (p.unread() != 0) item.emplace(std::move(p.page[p.at++]));
        co_return item;
    }

    static asio::awaitable<page_type> take_page(handle body) {
        page_type page;
        if (!body) co_return page;
        promise_type& p = body.promise();
        const turn only(p);
        if (p.unread() == 0) co_await fetch(body);
        p.page.erase(p.page.begin(), p.page.begin() + static_cast<std::ptrdiff_t>(p.at));
        p.at = 0;
        std::swap(page, p.page);
        co_return page;
    }

    // Runs the body until it has yielded an element, or has ended.
    static asio::awaitable<void> fetch(handle body) {
        promise_type& p = body.promise();
        p.page.clear();
        p.at = 0;
        // Asio would throw after any kind of cancellation that the caller has enabled.
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
        // It may have come at the same time: then the page is for the next call.
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
    std::exception_ptr failure; // thrown by the call; kept if the body has ended with it
    bool taken = false;         // a call is under way
};

} // namespace azkv
