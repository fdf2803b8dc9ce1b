// An operation in flight: its id, deadlines, telemetry and failure.
#pragma once

#include "async/operation_tracker.hpp"
#include "client/call_flow.hpp"
#include "client/call_result.hpp"
#include "client/operation_label.hpp"
#include "client/pacing.hpp"
#include "client/store_core.hpp"
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

/// The context of one operation of a caller. Several threads may send its requests.
class operation_context {
public:
    using clock = std::chrono::steady_clock;

    /// What fails when a call fails.
    enum class failure_of {
        operation, ///< the operation
        part,      ///< a part of it; the operation continues and reports its own end
    };

    /// `core` and the strings of `label` must outlive this.
    operation_context(const store_core& core, operation_label label,
                      failure_of calls = failure_of::operation);

    operation_context(const operation_context&) = delete;
    operation_context& operator=(const operation_context&) = delete;

    const service_context& service() const { return service_; }

    const call_settings& settings() const { return core_.settings; }

    const operation_label& label() const { return label_; }

    /// Returns the client request id.
    std::string_view id() const { return id_.view(); }

    /// Returns the name of the collection's table. Throws `azkv::error` if the collection has no valid one.
    std::string table() const;

    /// Returns true in a forked child whose parent has begun the operation. Both go on with it, so what may
    /// be done only once is left to the parent.
    bool is_parents() const { return begun_in_ != support::process_number(); }

    /// Fails with errc::forked if it is.
    void require_begun_here() {
        if (is_parents()) fail(errc::forked, "a conditional write goes on in the parent only");
    }

    /// Returns the seed of the next call's jitter.
    std::uint32_t seed();

    /// Returns the deadline of the operation if it is a single call.
    clock::time_point deadline() const { return began_ + settings().timeout; }

    /// Returns the deadline of a call that begins now.
    clock::time_point next_deadline() const { return clock::now() + settings().timeout; }

    /// Must be called before anything is started on the execution context. Fails with errc::forked in a
    /// forked child that has not called the context's `notify_fork`.
    void require_own_process() {
        if (process_ != support::process_number()) fail_forked();
    }

    /// Held while the operation is in flight. Fails with errc::closed if the store is closed, and like
    /// `require_own_process`.
    class guard {
    public:
        explicit guard(operation_context& op) : registration_(*op.service().tracker) {
            op.require_own_process();
            if (!registration_) op.fail_closed();
        }

    private:
        async::operation_tracker::registration registration_;
    };

    // Telemetry. Each function fails like `require_own_process`, because an observer may fork.

    /// Reports an attempt that is over.
    void report_attempt(const protocol::request& r, const net::exchange& x, const call_flow::verdict& v,
                        clock::time_point began);

    /// Reports a changed pace of a collection.
    void report_pace(const pacing::summary& s);

    /// Reports calls that were not sent for lack of a connection.
    void report_overload(const net::overload& o);

    // The end of the operation, which is reported once.

    void succeed() { end({}); }

    /// Reports that the operation was cancelled, unless its calls are parts.
    void abort();

    [[noreturn]] void fail(boost::system::error_code code, const std::string& why, diagnostics details = {});

    [[noreturn]] void fail_closed();

    /// Fails the operation because a call failed. Returns the error instead of throwing it: each throw takes
    /// microseconds. `key` is the key at fault if the operation has several.
    std::exception_ptr exception_for(const call_result& r, const std::string* key = nullptr);

    /// Rethrows `e`, marked if the operation may have been applied. Precondition: `e` is being handled.
    [[noreturn]] void rethrow(const error& e, protocol::applied outcome) const;

    void end(boost::system::error_code ec, const diagnostics& details = {});

    /// Calls `f` and fails the operation with the `azkv::error` that it throws.
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

    const store_core& core_;
    const service_context& service_;
    const std::atomic<unsigned>& process_;
    const operation_label label_;
    const uuid_text id_;
    const failure_of calls_fail_;
    const clock::time_point began_ = clock::now();
    const unsigned begun_in_ = support::process_number();
    std::atomic<std::uint32_t> calls_{0};
    std::atomic<int> attempts_{0};
    std::atomic<std::size_t> bytes_sent_{0};
    std::atomic<std::size_t> bytes_received_{0};
};

} // namespace azkv::client
