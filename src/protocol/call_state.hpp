#pragma once

#include "protocol/message.hpp"

#include <boost/system/error_code.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <random>

namespace azkv::protocol {

/// When to try again.
class retry_policy {
public:
    retry_policy() {}

    int max_attempts = 4;
    std::chrono::milliseconds first{100};
    std::chrono::milliseconds longest{10'000};

    /// The first pause after an answer with this status; nullopt if another attempt is of no use.
    using rule = std::optional<std::chrono::milliseconds> (*)(unsigned status, const retry_policy&);
    rule first_pause = &common_rule;

    /// `first` after 408, 429, 500, 502, 503 and 504.
    static std::optional<std::chrono::milliseconds> common_rule(unsigned status, const retry_policy&);
};

/// The two clocks, read at one moment.
class clocks {
public:
    clocks() {}

    static clocks now() {
        clocks c;
        c.steady = std::chrono::steady_clock::now();
        c.wall = std::chrono::system_clock::now();
        return c;
    }

    std::chrono::steady_clock::time_point steady;
    std::chrono::system_clock::time_point wall;
};

/// One logical call with its retries, as a state machine: no socket, no clock, no randomness of its own.
class call_state {
public:
    enum class action {
        done, ///< the response is the answer, good or bad
        wait, ///< wait for `delay()`, then send again
        fail, ///< the network error is the answer
    };

    call_state(const retry_policy& policy, std::chrono::steady_clock::time_point deadline, std::uint32_t seed)
        : policy_(policy), deadline_(deadline), random_(seed) {}

    /// A response arrived. `maybe_applied`: a first sending in the same attempt may have been applied.
    action on_response(const response& r, bool maybe_applied, const clocks& now);

    /// The exchange failed. `maybe_applied`: the service may have acted on the request.
    action on_error(boost::system::error_code ec, bool maybe_applied, const clocks& now);

    /// A sending whose answer is not judged may have been applied.
    void remember(bool maybe_applied) { maybe_applied_ = maybe_applied_ || maybe_applied; }

    std::chrono::milliseconds delay() const { return delay_; }

    /// How many requests were, or are now to be, sent.
    int attempt() const { return attempt_; }

    /// An earlier attempt may have been applied although it was not seen to be.
    bool maybe_applied() const { return maybe_applied_; }

private:
    action again(std::optional<std::chrono::milliseconds> hint, std::chrono::milliseconds first,
                 action otherwise, const clocks& now);

    retry_policy policy_;
    std::chrono::steady_clock::time_point deadline_;
    std::minstd_rand random_;
    int attempt_ = 1;
    bool maybe_applied_ = false;
    std::chrono::milliseconds delay_{0};
};

} // namespace azkv::protocol
