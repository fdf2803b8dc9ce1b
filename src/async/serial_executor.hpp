// Serializes the steps of one coroutine and its cancellation on an executor of any number of threads.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/execution.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/require.hpp>

#include <memory>
#include <mutex>
#include <utility>

namespace azkv::async {

namespace asio = boost::asio;

/// A strand for steps that rarely coincide: a step that meets another blocks until that has ended. Unlike a
/// `strand<any_io_executor>`, it is copied without allocating. Asio requires that: in Boost 1.81 a copy that
/// throws terminates the process. A step may run another step inside itself.
class serial_executor {
public:
    // Not a constructor: converting from `any_io_executor`, which can hold this class, would be circular.
    static asio::any_io_executor on(const asio::any_io_executor& inner) {
        return serial_executor(std::make_shared<state>(inner), false);
    }

    asio::execution_context& query(asio::execution::context_t) const noexcept {
        return asio::query(state_->inner, asio::execution::context);
    }

    asio::execution::blocking_t query(asio::execution::blocking_t) const noexcept {
        if (posts_) return asio::execution::blocking.never;
        return asio::execution::blocking.possibly;
    }

    serial_executor require(asio::execution::blocking_t::never_t) const noexcept {
        return serial_executor(state_, true);
    }

    serial_executor require(asio::execution::blocking_t::possibly_t) const noexcept {
        return serial_executor(state_, false);
    }

    template <class F>
    void execute(F f) const {
        const asio::any_io_executor& inner = posts_ ? state_->posting : state_->inner;
        inner.execute([s = state_, f = std::move(f)]() mutable {
            const step only(*s);
            std::move(f)();
        });
    }

    bool operator==(const serial_executor& other) const noexcept {
        return state_ == other.state_ && posts_ == other.posts_;
    }

private:
    class state {
    public:
        explicit state(const asio::any_io_executor& executor)
            : inner(executor), posting(asio::require(executor, asio::execution::blocking.never)) {}

        const asio::any_io_executor inner;
        const asio::any_io_executor posting;
        std::mutex mutex; // held by the running step
    };

    // Not a recursive mutex: in a forked child this thread has another id and would deadlock with itself.
    class step {
    public:
        explicit step(state& s)
            : state_(s), is_nested_(is_running(s)), outer_(std::exchange(innermost, this)) {
            if (!is_nested_) s.mutex.lock();
        }

        step(const step&) = delete;
        step& operator=(const step&) = delete;

        ~step() {
            if (!is_nested_) state_.mutex.unlock();
            innermost = outer_;
        }

    private:
        static bool is_running(const state& s) noexcept {
            const step* at = innermost;
            while (at && &at->state_ != &s) at = at->outer_;
            return at != nullptr;
        }

        static inline thread_local step* innermost = nullptr; // of this thread

        state& state_;
        const bool is_nested_;
        step* const outer_;
    };

    serial_executor(std::shared_ptr<state> s, bool posts) noexcept : state_(std::move(s)), posts_(posts) {}

    std::shared_ptr<state> state_;
    bool posts_ = false;
};

} // namespace azkv::async
