// Access to an `azkv::fault`, and the kinds of faults.
#pragma once

#include <azkv/faults.hpp>

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace azkv::emulation {

enum class fault_kind : int {
    answer,
    answer_body,
    answer_in_batch,
    close,
    cut_request,
    cut_answer,
    close_after,
    reset,
    garbage,
    trickle,
    short_page,
    delay,
    throttle,          // an answer, because of a limit
    partition_throttle // the same
};

/// Gives the emulator access to a fault, which must outlive this.
class fault_view {
public:
    explicit fault_view(const fault& f) : fault_(f) {}

    /// Returns an answer that is logged as `kind`.
    static fault limit(fault_kind kind, unsigned status, std::string code, std::string message) {
        fault f = fault::answer(status, std::move(code), std::move(message));
        f.kind_ = kind;
        return f;
    }

    fault_kind kind() const { return fault_.kind_; }

    unsigned status() const { return fault_.status_; }

    const std::string& code() const { return fault_.code_; }

    /// The message or the body of a response; the bytes of garbage.
    const std::string& text() const { return fault_.text_; }

    /// Bytes, or rows.
    std::size_t count() const { return fault_.count_; }

    std::chrono::milliseconds pause() const { return fault_.pause_; }

    std::chrono::milliseconds wait() const { return fault_.wait_; }

    const std::vector<std::pair<std::string, std::string>>& headers() const { return fault_.headers_; }

    bool applies_to(std::string_view method, std::string_view target) const;

private:
    const fault& fault_;
};

} // namespace azkv::emulation
