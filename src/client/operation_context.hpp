#pragma once

#include "client/service_context.hpp"
#include "async/fork_watch.hpp"
#include "async/operation_tracker.hpp"
#include "client/pacing.hpp"
#include "protocol/message.hpp"
#include "client/operation_label.hpp"
#include "support/process.hpp"
#include "support/uuid_text.hpp"

#include <azkv/error.hpp>
#include <azkv/event.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace azkv {

namespace net {
class exchange;
class overload;
} // namespace net

inline constexpr char maybe_applied_text[] = "; it may have been applied all the same";

/// The answer to a call.
class answer {
public:
    answer() {}

    /// What there was instead of a response: nothing, or a failure of the network, and the text for it.
    boost::system::error_code error;
    std::string why;

    protocol::response response; // empty if there was an error
    bool succeeded = false;      // by the status that its request names
    /// An earlier attempt of the same call may have been applied without being seen to be.
    bool maybe_applied_before = false;
    /// Should it have failed: the request may have been applied all the same.
    bool maybe_applied = false;
    std::string tries; // how often it was tried, and why no more, if there is something to tell
};

/// One operation of a caller: what its requests have in common, and what is told of it to those who watch.
/// Several threads may make its requests.
class operation {
public:
    using clock = std::chrono::steady_clock;

    /// `about` refers to texts that live as long as this does; so does `trace`, the headers of the caller's.
    /// `in_parts`: the failure of one of its calls is not yet its own.
    /// `process`: which may do its work; must outlive this.
    operation(std::shared_ptr<const azkv::account> account, const std::atomic<unsigned>& process,
              subject about, const uuid_text& id, std::string_view trace, bool in_parts = false)
        : account_(std::move(account)), process_(process), about_(about), id_(id), trace_(trace),
          in_parts_(in_parts) {}

    operation(const operation&) = delete;
    operation& operator=(const operation&) = delete;

    const azkv::account& account() const { return *account_; }

    const subject& about() const { return about_; }

    /// The client request id.
    std::string_view id() const { return id_.view(); }

    /// What the jitter of its next call comes from.
    std::uint32_t seed();

    /// Headers, or empty.
    std::string_view trace() const { return trace_; }

    /// When it must be done, if it is a single call.
    clock::time_point deadline() const { return began_ + account_->options.timeout(); }

    /// When one of its calls, which begins now, must be done.
    clock::time_point next_deadline() const { return clock::now() + account_->options.timeout(); }

    /// The pace of its partition has changed.
    void tell_pace(const pacing::summary& s);

    /// This call and others were not begun.
    void tell_overload(const net::overload& o);

    /// Before anything is begun on the execution context: fails with errc::forked in a child whose context
    /// was not told of the fork.
    void require_own_process() {
        if (process_ != support::process_number()) fail(errc::forked, std::string(async::fork_advice));
    }

    /// To be held while work is done for it. Fails with errc::closed if the store takes no more, or as
    /// `require_own_process` does.
    class turn {
    public:
        explicit turn(operation& op) : pass_(*op.account().tracker) {
            op.require_own_process();
            if (!pass_) op.fail(errc::closed, make_error_code(errc::closed).message());
        }

    private:
        async::operation_tracker::registration pass_;
    };

    /// A request was sent and judged. `reason`: why another attempt follows, or does not. Fails as
    /// `require_own_process` does.
    void sent(const protocol::request& r, const net::exchange& x, int attempt, clock::time_point began,
              std::optional<std::chrono::milliseconds> next_after, std::string_view reason);

    /// It ends with its result.
    void succeed() { end({}); }

    /// It ends because it was cancelled.
    void abort();

    /// It ends with an error, which this throws.
    [[noreturn]] void fail(boost::system::error_code code, const std::string& why, diagnostics details = {});

    /// A call failed, and so it ends with this error, which is still to be thrown. `key`: whose the failure
    /// is, if the operation has several.
    error failure(const answer& a, const std::string* key = nullptr);

    [[noreturn]] void fail(const answer& a, const std::string* key = nullptr) { throw failure(a, key); }

    /// It ends like this.
    void end(boost::system::error_code ec, const diagnostics& details = {});

    /// Calls `f`; what it throws ends the operation.
    template <class F>
    decltype(auto) check(F f) {
        try {
            return f();
        } catch (const error& e) {
            fail(e.code(), e.what(), e.details());
        }
    }

private:
    void begin(event& e, event_kind kind) const;
    error failure(const subject& about, boost::system::error_code code, const std::string& why,
                  diagnostics details);

    std::shared_ptr<const azkv::account> account_;
    const std::atomic<unsigned>& process_;
    const subject about_;
    const uuid_text id_;
    const std::string_view trace_;
    const bool in_parts_;
    const clock::time_point began_ = clock::now();
    std::atomic<std::uint32_t> calls_{0};
    std::atomic<int> attempts_{0};
    std::atomic<std::size_t> bytes_sent_{0};
    std::atomic<std::size_t> bytes_received_{0};
};

} // namespace azkv
