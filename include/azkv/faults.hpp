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

/// Something that goes wrong with one request to an `emulator`, and on which requests. Made by one of the
/// functions below, and then told more:
/// `fault::answer(503, "ServerBusy").header("Retry-After", "1").only_if(fault::is_write)`.
class AZKV_DECL fault {
public:
    using milliseconds = std::chrono::milliseconds;

    /// Decides by the method and the target (path and query, percent-encoded) of a request, on the
    /// emulator's thread. If it throws, the connection ends, as if the fault were `close`.
    using condition = std::function<bool(std::string_view method, std::string_view target)>;

    /// Answers with this status and code, in the service's form, without doing what is asked. `status` from
    /// 400 to 599; throws `azkv::error` (errc::invalid_argument) for others.
    static fault answer(unsigned status, std::string code, std::string message = "Asked for by the test.");

    /// Answers with this status and body, of somebody before the service: a proxy's page, say.
    static fault answer_body(unsigned status, std::string body, std::string content_type = "text/html");

    /// `answer`, but from within a batch: `$batch` is answered with 202 and this as its only part, as Cosmos
    /// DB does when it throttles. Other requests get `answer`.
    static fault answer_in_batch(unsigned status, std::string code,
                                 std::string message = "Asked for by the test.");

    /// Closes the connection when it has read the request, without doing what it asks.
    static fault close();

    /// Closes the connection when it has read `bytes` of the request, or all of it if that is shorter,
    /// without doing what it asks. Takes no condition: it cannot know what is asked.
    static fault cut_request(std::size_t bytes);

    /// Does what is asked, sends the first `bytes` of the answer, and closes the connection.
    static fault cut_answer(std::size_t bytes);

    /// Does what is asked and closes the connection without an answer.
    static fault lose_answer();

    /// Does what is asked, answers, and closes the connection without having said so.
    static fault close_after();

    /// Resets the connection (RST) when it has read the request, without doing what it asks.
    static fault reset();

    /// Answers with these bytes, without doing what is asked, and closes the connection.
    static fault garbage(std::string bytes = "\x15\x03\x01 this is no HTTP \xFF\xFE\r\n\r\n");

    /// Does what is asked and answers, so many bytes at a time with a pause after each.
    static fault trickle(std::size_t bytes, milliseconds pause);

    /// Answers a query with at most so many rows, and a continuation if there are more. It may be none, but a
    /// page that goes on from another has one at least. Applies to queries of entities only.
    static fault short_page(std::size_t rows);

    /// Does what is asked, but begins so much later. Times are from 0 to a day; others throw `azkv::error`.
    static fault delay(milliseconds);

    /// Waits so much longer before anything else: delays any fault.
    fault& after(milliseconds);

    /// Adds a header to the answer, if there is one, whether the answer has one of that name or not. Throws
    /// `azkv::error` (errc::invalid_argument) for a line end.
    fault& header(std::string name, std::string text);

    /// Lets all other requests pass. Throws `azkv::error` for `cut_request`.
    fault& only_if(condition);

    /// Conditions: requests that ask (GET), and those that change something.
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

/// Which requests to an `emulator` meet which fault: first those of a script, in order; when that is at its
/// end, some by chance. The same seed and the same requests, in the same order, meet the same faults.
///
/// `fault_plan().pass(2).then(fault::lose_answer()).then(fault::answer(500, "InternalError"), 3)`
/// `fault_plan(42).sometimes(0.05, fault::reset()).sometimes(0.05, fault::lose_answer())`
class AZKV_DECL fault_plan {
public:
    /// None.
    fault_plan() : fault_plan(1) {}

    explicit fault_plan(std::uint64_t seed) : random_(seed) {}

    /// Script: the next `times` requests that the fault's condition holds for meet it. Until they have come,
    /// other requests pass.
    fault_plan& then(fault, std::size_t times = 1);

    /// Script: the next `times` requests pass.
    fault_plan& pass(std::size_t times = 1);

    /// By chance: each request meets this fault with that probability, and one of all such faults at most.
    /// Throws `azkv::error` (errc::invalid_argument) if the sum of the probabilities is more than 1.
    fault_plan& sometimes(double probability, fault);

    /// More than `per_second` requests in a second, all partitions together, are throttled: 503 `ServerBusy`,
    /// in cosmos mode 429 `TooManyRequests`, with `Retry-After` (in whole seconds, rounded up) unless that is
    /// zero. A second begins with the first request after the last has ended, and its requests may all come
    /// at its begin; what is throttled meets no other fault. Throws `azkv::error` (errc::invalid_argument)
    /// for a limit of zero.
    fault_plan& throttle(std::size_t per_second, std::chrono::milliseconds retry_after);

private:
    friend class emulation::fault_player;

    class step {
    public:
        step(std::size_t requests, std::optional<fault> f) : left(requests), what(std::move(f)) {}

        std::size_t left;          // requests
        std::optional<fault> what; // nothing: they pass
    };

    class chance {
    public:
        chance(double bound, fault f) : below(bound), what(std::move(f)) {}

        double below; // of the draws from 0 to 1 those that the chances before it leave
        fault what;
    };

    std::deque<step> script_;
    std::vector<chance> chances_;
    std::size_t per_second_ = 0; // 0: as many as there are
    std::chrono::milliseconds retry_after_{0};
    std::mt19937_64 random_;
};

} // namespace azkv
