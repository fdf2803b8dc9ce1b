#pragma once

#include <azkv/config.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace azkv {

namespace emulation {
class fault_player;
class fault_view;
enum class fault_kind : int;
} // namespace emulation

/// A failure that an `emulator` injects into a request, and the condition for it. The static functions create
/// one, the others refine it:
/// `fault::answer(503, "ServerBusy").header("Retry-After", "1").only_if(fault::is_write)`.
class AZKV_DECL fault {
public:
    using milliseconds = std::chrono::milliseconds;

    /// Returns true if the fault applies to a request of this method and target (path and query,
    /// percent-encoded). Called on the emulator's thread. If it throws, the connection closes, as if the
    /// fault were `close`.
    using condition = std::function<bool(std::string_view method, std::string_view target)>;

    /// Responds with this status and error code in the service's format, without executing the request.
    /// `status` is from 400 to 599.
    ///
    /// Throws: `azkv::error` (errc::invalid_argument) for any other status.
    static fault answer(unsigned status, std::string code, std::string message = "Requested by the test.");

    /// Responds with this status and body as an intermediary would, such as a proxy's error page.
    static fault answer_body(unsigned status, std::string body, std::string content_type = "text/html");

    /// Like `answer`, but inside a batch: a `$batch` request gets status 202 and this response as its only
    /// part, as from Cosmos DB when it throttles. Other requests get `answer`.
    static fault answer_in_batch(unsigned status, std::string code,
                                 std::string message = "Requested by the test.");

    /// Closes the connection after reading the request, without executing it.
    static fault close();

    /// Closes the connection after reading `bytes` of the request, or all of a shorter one, without executing
    /// it. Takes no condition: the request is not yet known.
    static fault cut_request(std::size_t bytes);

    /// Executes the request, sends the first `bytes` of the response, and closes the connection.
    static fault cut_answer(std::size_t bytes);

    /// Executes the request and closes the connection without a response.
    static fault lose_answer();

    /// Executes the request, responds, and closes the connection without announcing it.
    static fault close_after();

    /// Resets the connection (RST) after reading the request, without executing it.
    static fault reset();

    /// Sends these bytes without executing the request, and closes the connection.
    static fault garbage(std::string bytes = "\x15\x03\x01 this is not HTTP \xFF\xFE\r\n\r\n");

    /// Executes the request and sends the response `bytes` at a time, with a pause after each piece.
    /// `bytes` is at least 1; 0 throws `azkv::error` (errc::invalid_argument).
    static fault trickle(std::size_t bytes, milliseconds pause);

    /// Responds to a query of entities with at most `rows` rows, and a continuation token if there are more.
    /// `rows` may be 0, but a page that continues another has at least one row. Ignored for other requests.
    static fault short_page(std::size_t rows);

    /// Executes the request after this delay. All times are from 0 to a day; others throw `azkv::error`
    /// (errc::invalid_argument).
    static fault delay(milliseconds);

    /// Adds a delay before the fault, whatever it is.
    fault& after(milliseconds);

    /// Adds a header to the response, if there is one, even if it already has a header of that name.
    ///
    /// Throws: `azkv::error` (errc::invalid_argument) for a line end.
    fault& header(std::string name, std::string text);

    /// Limits the fault to requests that meet this condition. Throws `azkv::error` (errc::invalid_argument)
    /// for `cut_request`.
    fault& only_if(condition);

    /// Conditions: requests that only read (GET), and requests that change something.
    static bool is_read(std::string_view method, std::string_view target);
    static bool is_write(std::string_view method, std::string_view target);

private:
    friend class emulation::fault_view;

    explicit fault(emulation::fault_kind k) : kind_(k) {}

    emulation::fault_kind kind_;
    unsigned status_ = 0;
    std::string code_;
    std::string text_;
    std::size_t count_ = 0;
    milliseconds pause_{0};
    milliseconds wait_{0};
    std::vector<std::pair<std::string, std::string>> headers_;
    condition condition_;
};

/// Decides which requests to an `emulator` meet which fault: first those of a script, in order; after its
/// end, some at random. The same seed and the same requests in the same order meet the same faults.
///
/// `fault_plan().pass(2).then(fault::lose_answer()).then(fault::answer(500, "InternalError"), 3)`
/// `fault_plan(42).sometimes(0.05, fault::reset()).sometimes(0.05, fault::lose_answer())`
class AZKV_DECL fault_plan {
public:
    /// Creates a plan without faults.
    fault_plan() : fault_plan(1) {}

    /// Creates a plan without faults that draws its random faults from this seed.
    explicit fault_plan(std::uint64_t seed) : random_(seed) {}

    /// Appends to the script: the next `times` requests that meet the fault's condition meet the fault. Other
    /// requests pass until then.
    fault_plan& then(fault, std::size_t times = 1);

    /// Appends to the script: the next `times` requests pass.
    fault_plan& pass(std::size_t times = 1);

    /// Adds a random fault. Each request meets it with this probability. No request meets more than one
    /// random fault.
    ///
    /// Throws: `azkv::error` (errc::invalid_argument) if the sum of the probabilities exceeds 1.
    fault_plan& sometimes(double probability, fault);

    /// Adds random faults of the kinds that a service in trouble has. Each request meets one with this
    /// probability, each kind alike: `reset`, `lose_answer`, 500 `InternalError`, 503 `ServerBusy`, and
    /// `short_page(1)`, which other requests than queries pass.
    ///
    /// Throws: what `sometimes(probability, fault)` throws.
    fault_plan& sometimes(double probability);

    /// Delays each request by `time` and a random part of `jitter`, evenly distributed, before it is executed
    /// or meets another fault. Not before `cut_request`. Replaces an earlier latency. The counters do not
    /// count it as a fault.
    ///
    /// Throws: `azkv::error` (errc::invalid_argument) if a time is not from 0 to a day.
    fault_plan& latency(std::chrono::milliseconds time,
                        std::chrono::milliseconds jitter = std::chrono::milliseconds(0));

    /// Throttles requests beyond `per_second` in a second, all partitions together: 503 `ServerBusy`, in
    /// cosmos mode 429 `TooManyRequests`, with `Retry-After` (in whole seconds, rounded up) unless that is
    /// zero. A second begins with the first request after the previous second has ended, and all its requests
    /// may arrive at its beginning. A throttled request meets no other fault.
    ///
    /// Throws: `azkv::error` (errc::invalid_argument) if `per_second` is zero.
    fault_plan& throttle(std::size_t per_second, std::chrono::milliseconds retry_after);

    /// Throttles each partition of a table: a bucket that holds `burst` entities (0: as many as in a second)
    /// and gains `entities_per_second`. A request that needs more than its partition's bucket has gets 503
    /// `ServerBusy`, in cosmos mode 429 `TooManyRequests` with the time to wait in `x-ms-retry-after-ms`. An
    /// operation needs one entity, a batch as many as it has operations; one with more than `burst` waits for
    /// a full bucket. A query of one partition, with `PartitionKey eq` in its filter, needs one, and the
    /// other rows that it returns are taken from the bucket afterwards. Queries of several partitions, a
    /// query within a batch beyond its first entity, and requests about tables need nothing. What a request
    /// needs is taken even if it then fails, for example because its table is missing. A throttled request
    /// meets no other fault.
    ///
    /// Throws: `azkv::error` (errc::invalid_argument) if `entities_per_second` is zero, or one of them is
    /// more than a thousand million.
    fault_plan& throttle_partitions(std::size_t entities_per_second, std::size_t burst = 0);

private:
    friend class emulation::fault_player;

    class step {
    public:
        step(std::size_t requests, std::optional<fault> f) : left(requests), what(std::move(f)) {}

        std::size_t left;          // remaining requests
        std::optional<fault> what; // empty: they pass
    };

    class chance {
    public:
        chance(double bound, fault f) : below(bound), what(std::move(f)) {}

        double below; // draws from 0 to 1 below this bound, and not below an earlier chance's
        fault what;
    };

    std::deque<step> script_;
    std::vector<chance> chances_;
    std::size_t per_second_ = 0; // 0: unlimited
    std::chrono::milliseconds retry_after_{0};
    std::size_t entities_per_second_ = 0; // of a partition; 0: unlimited
    std::size_t burst_ = 0;               // entities
    std::chrono::milliseconds latency_{0};
    std::chrono::milliseconds jitter_{0};
    std::mt19937_64 random_;
};

} // namespace azkv
