// The result of an operation, as a value.
#pragma once

#include <exception>
#include <optional>
#include <utility>

namespace azkv::async {

/// How an operation failed, if it did.
class possible_failure {
public:
    possible_failure() {}

    possible_failure(std::exception_ptr failure) : failure_(std::move(failure)) {}

    bool failed() const { return failure_ != nullptr; }

    const std::exception_ptr& failure() const { return failure_; }

protected:
    void throw_if_failed() {
        if (failure_) std::rethrow_exception(std::move(failure_));
    }

private:
    std::exception_ptr failure_;
};

/// A result, or an exception that has not been thrown yet. (Throwing costs microseconds in each coroutine
/// that the exception passes.)
template <class T>
class outcome : public possible_failure {
public:
    using possible_failure::possible_failure;

    outcome() {}

    outcome(T result) : result_(std::move(result)) {}

    T take() {
        throw_if_failed();
        return std::move(*result_);
    }

private:
    std::optional<T> result_;
};

template <>
class outcome<void> : public possible_failure {
public:
    using possible_failure::possible_failure;

    void take() { throw_if_failed(); }
};

} // namespace azkv::async
