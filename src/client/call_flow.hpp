// One call as a state machine: what to send next, with which token, and how the responses are judged. No I/O.
#pragma once

#include "client/call_result.hpp"
#include "client/call_settings.hpp"
#include "client/pacing.hpp"
#include "protocol/call_state.hpp"

#include <azkv/secret.hpp>
#include <azkv/token_credential.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace azkv::net {
class exchange;
} // namespace azkv::net

namespace azkv::protocol {
class endpoint;
} // namespace azkv::protocol

namespace azkv::client {

class service_context;

/// A call as a state machine. It says what to do next; its driver, `request_sender::call`, does it and
/// reports back. A write whose table is missing takes three requests: the write, the creation of the table,
/// and the write again. A conditional write whose response was lost is followed by a read that decides what
/// became of it, and by the write again if it was not applied. All of them together have one deadline and one
/// limit of failed attempts.
class call_flow {
public:
    enum class step {
        get_token, ///< request `wanted_token()`, then call `token_ready`
        wait_turn, ///< wait for the request's turn at its partition, then send, or call `turn_missed`
        send,      ///< send `request()` to `target()` with `token()`, then call `exchanged`
        pause,     ///< wait for `delay()`, then call `pause_over`
        done,      ///< the result is complete
    };

    /// All arguments must outlive it. `into` receives each response and the result.
    call_flow(const service_context& service, const call_settings& settings, const protocol::request& r,
              std::chrono::steady_clock::time_point deadline, std::uint32_t seed, call_result& into);

    step begin() { return next_sending(); }

    step token_ready(secret token);

    /// The request's turn would come too late, or too many calls wait. `pace` is that of its partition.
    step turn_missed(bool late, const pacing::summary& pace);

    /// The exchange is over. Precondition: `x.response` is the response of the result.
    step exchanged(net::exchange& x, const protocol::clocks& now);

    step pause_over() { return next_sending(); }

    const protocol::request& request() const {
        return stage_ == stage::creating ? *creation_ : stage_ == stage::resolving ? *question_ : request_;
    }

    const protocol::endpoint& target() const;

    const secret& token() const { return token_; }

    /// Returns which token to request.
    const token_request& wanted_token() const { return *wanted_; }

    std::chrono::milliseconds delay() const { return delay_; }

    /// Returns the number of the next attempt, from 1 for each request.
    int attempt() const { return state_.attempt(); }

    /// Returns true if the request waits for its turn at a throttled partition. A read that may go to the
    /// secondary endpoint does not.
    bool keeps_pace() const { return !may_use_secondary_; }

    /// How the last call of `exchanged` judged its attempt, and why and when another attempt follows, or why
    /// none does.
    class verdict {
    public:
        int attempt = 0;
        bool challenged = false; // the service requires another token
        bool throttled = false;
        bool understood = true; // false: a response that is not the service's, or is invalid
        std::optional<std::chrono::milliseconds> next_after; // nullopt: no further attempt of this request
        std::string_view reason;                             // a literal
    };

    const verdict& last_attempt() const { return verdict_; }

    /// Returns what the call may have done so far.
    protocol::applied applied() const;

    /// Completes the result. Precondition: the last step was `done`.
    void settle();

private:
    enum class stage {
        sending,   ///< the request
        creating,  ///< the missing table
        resolving, ///< reads what became of a conditional write
    };

    step next_sending();
    step judge(net::exchange& x, const protocol::clocks& now);
    step pause(std::chrono::milliseconds time);
    step finish_request();
    step fail(boost::system::error_code why, std::string text);
    step switch_to(stage next);
    bool is_in_doubt(const net::exchange& x) const;
    step begin_resolving(const net::exchange& x, bool may_send_again, const protocol::clocks& now);
    step fail_in_doubt();
    step resolve(const net::exchange& x, const protocol::clocks& now);
    bool is_challenged(const net::exchange& x);
    bool unwrap(net::exchange& x);
    void keep_challenge();
    bool misses_table() const;
    std::string retry_summary(int attempt, std::string_view reason) const;

    std::string retry_summary() const { return retry_summary(state_.attempt(), state_.reason()); }

    const service_context& service_;
    const protocol::request& request_;
    call_result& result_;
    const bool may_use_secondary_;
    const std::chrono::steady_clock::time_point deadline_;
    protocol::call_state state_;
    std::unique_ptr<const protocol::request> creation_; // of the table
    std::unique_ptr<const protocol::request> question_; // about a write in doubt
    std::unique_ptr<const call_result> doubtful_;       // the failure that left the doubt
    bool failed_in_doubt_ = false;                      // it is the result
    stage stage_ = stage::sending;
    std::optional<std::chrono::steady_clock::time_point> send_again_at_; // if it was not applied
    std::chrono::milliseconds delay_{0};
    protocol::applied applied_ = protocol::applied::no; // by requests before this one
    int earlier_retries_ = 0;                           // of requests before this one
    secret token_;
    std::optional<token_request> wanted_;
    std::optional<token_request> challenge_; // requested after the service rejected the first token
    verdict verdict_;
};

} // namespace azkv::client
