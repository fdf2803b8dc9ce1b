// One operation of a caller while it runs: its id, its deadlines, its telemetry, and how it fails.
#pragma once

#include "async/operation_tracker.hpp"
#include "client/call_flow.hpp"
#include "client/call_origin.hpp"
#include "client/call_result.hpp"
#include "client/operation_label.hpp"
#include "client/pacing.hpp"
#include "protocol/message.hpp"
#include "support/process.hpp"
#include "support/uuid_text.hpp"

#include <azkv/error.hpp>
#include <azkv/event.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <string>
#include <string_view>

namespace azkv::net {
class exchange;
class overload;
} // namespace azkv::net

namespace azkv::client {

/// An operation in flight. Several threads may send its requests.
class operation_context {
public:
    using clock = std::chrono::steady_clock;

    /// Whose failure the failure of a call is.
    enum class failure_of {
        operation, ///< the operation fails with it
        part,      ///< the operation goes on, and reports its own end
    };

    /// `origin` must outlive this, and so must what `label` refers to.
    operation_context(const call_origin& origin, operation_label label,
                      failure_of calls = failure_of::operation);

    operation_context(const operation_context&) = delete;
    operation_context& operator=(const operation_context&) = delete;

    const service_context& service() const { return service_; }

    const call_settings& settings() const { return origin_.settings; }

    const operation_label& label() const { return label_; }

    /// The client request id.
    std::string_view id() const { return id_.view(); }

    /// The name of the collection's table. Throws `azkv::error` if there can be no such table.
    std::string table() const;

    /// The seed of the next call's jitter.
    std::uint32_t seed();

    /// When the operation must be done, if it is a single call.
    clock::time_point deadline() const { return began_ + settings().timeout; }

    /// When a call that begins now must be done.
    clock::time_point next_deadline() const { return clock::now() + settings().timeout; }

    /// Must be called before anything is started on the execution context. Fails with errc::forked in a child
    /// whose context was not told of the fork.
    void require_own_process() {
        if (process_ != support::process_number()) fail_forked();
    }

    /// Held while the operation works. Fails with errc::closed if the store is closed, and as
    /// `require_own_process` does.
    class guard {
    public:
        explicit guard(operation_context& op) : registration_(*op.service().tracker) {
            op.require_own_process();
            if (!registration_) op.fail_closed();
        }

    private:
        async::operation_tracker::registration registration_;
    };

    // Telemetry. Each fails as `require_own_process` does, because an observer may fork.

    /// An attempt is over.
    void report_attempt(const protocol::request& r, const net::exchange& x, const call_flow::verdict& v,
                        clock::time_point began);

    /// The pace of the operation's partition has changed.
    void report_pace(const pacing::summary& s);

    /// The call and others were not begun.
    void report_overload(const net::overload& o);

    // The end, which is reported once.

    void succeed() { end({}); }

    /// The operation was cancelled.
    void abort();

    [[noreturn]] void fail(boost::system::error_code code, const std::string& why, diagnostics details = {});

    [[noreturn]] void fail_closed();

    /// The operation fails because a call did. The error is returned, not thrown: each throw takes
    /// microseconds. `key`: the one at fault, if the operation has several.
    std::exception_ptr failure(const call_result& r, const std::string* key = nullptr);

    /// Throws the error again, with what is known of the outcome.
    [[noreturn]] void rethrow(const error& e, protocol::applied outcome) const;

    void end(boost::system::error_code ec, const diagnostics& details = {});

    /// Calls `f`. The operation fails with what it throws.
    template <class F>
    decltype(auto) check(F f) {
        try {
            return f();
        } catch (const error& e) {
            fail(e.code(), e.what(), e.details());
        }
    }

private:
    void set_common(event& e, event_kind kind) const;
    void emit(log_level level, const event& e);
    error failure(const operation_label& label, boost::system::error_code code, const std::string& why,
                  diagnostics details);
    [[noreturn]] void fail_forked();

    const call_origin& origin_;
    const service_context& service_;
    const std::atomic<unsigned>& process_;
    const operation_label label_;
    const uuid_text id_;
    const failure_of calls_fail_;
    const clock::time_point began_ = clock::now();
    std::atomic<std::uint32_t> calls_{0};
    std::atomic<int> attempts_{0};
    std::atomic<std::size_t> bytes_sent_{0};
    std::atomic<std::size_t> bytes_received_{0};
};

} // namespace azkv::client
