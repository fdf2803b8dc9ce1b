#pragma once

#include <azkv/config.hpp>
#include <azkv/event.hpp>
#include <azkv/proxy.hpp>
#include <azkv/tls_options.hpp>
#include <azkv/value.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace azkv {

/// How a store behaves. Each setter checks its argument and throws `azkv::error` (errc::invalid_argument)
/// that names it. `store_options().timeout(std::chrono::seconds(10)).partition("tenant-7")`
class AZKV_DECL store_options {
public:
    using milliseconds = std::chrono::milliseconds;

    store_options() {}

    /// Which service the endpoint is. Default: by its host name; on this machine, cosmos if the URL has no
    /// path (with which emulators of Table Storage name the account); storage if that tells nothing.
    store_options& mode(service_mode);

    std::optional<service_mode> mode() const noexcept { return mode_; }

    /// The partition that the store's keys live in. Default: "default". May be empty in storage mode.
    store_options& partition(std::string);

    const std::string& partition() const noexcept { return partition_; }

    /// How collections become table names. Default: `table_naming::sanitized`.
    store_options& naming(table_naming);

    table_naming naming() const noexcept { return naming_; }

    /// The longest time for a whole call: waiting for a connection, all attempts, the pauses between them.
    /// For `query` and `get_all` it is that of each page, for `put_all` of each transaction. Default: 120 s.
    /// From 1 ms to a year, as all times here.
    store_options& timeout(milliseconds);

    milliseconds timeout() const noexcept { return timeout_; }

    /// The longest time for one attempt, from having a connection, which may have to be made first, to the
    /// last byte of the answer. Default: 40 s, above the service's own limit of 30 s.
    store_options& attempt_timeout(milliseconds);

    milliseconds attempt_timeout() const noexcept { return attempt_timeout_; }

    /// The longest time to look up a host, connect, and agree on TLS. If a host has several addresses the
    /// next one is tried after 250 ms, or as soon as one has failed (RFC 8305). Default: 5 s.
    store_options& connect_timeout(milliseconds);

    milliseconds connect_timeout() const noexcept { return connect_timeout_; }

    /// How many attempts a request gets at most, the first included. Default: 4; 1 never retries. Not
    /// counted: the quiet repeat, once an attempt, when a kept connection turns out to have been closed by
    /// the peer; what is asked of the primary because the secondary has no answer; and, unless it is 1, what
    /// is repeated until the deadline: a request that was throttled (429, 503 `ServerBusy`), which waits for
    /// its turn, and a write to a table that is being deleted. A write that had to make its table first
    /// begins anew. With 1 a call also waits for its turn at a collection that is throttled, and fails at
    /// once if it is refused then.
    store_options& max_attempts(int);

    int max_attempts() const noexcept { return max_attempts_; }

    /// The pause before the first retry, doubled for each further one up to `longest`, each with jitter.
    /// A longer pause that the service asks for is used instead, with up to a tenth of it added, so that not
    /// all come back at the same moment. Not for throttled requests that wait for their turn. Default: 100
    /// ms and 10 s.
    store_options& backoff(milliseconds first, milliseconds longest);

    milliseconds first_backoff() const noexcept { return first_backoff_; }

    milliseconds longest_backoff() const noexcept { return longest_backoff_; }

    /// How many retries all calls of the store may add to its traffic, as a share of its requests. Beyond 40
    /// that are held in reserve (40 times the share, if that is more than 1), and 6 more each second, each
    /// request that is sent for the first time earns this share of a retry; a call that finds none left fails
    /// with what it has. This keeps retries from overloading a service that is already failing; those of
    /// throttled requests have a pace instead, and cost nothing. Default: 0.15. From 0, which leaves
    /// the reserve and what time adds, to 100, as good as no limit. (For no retries: `max_attempts(1)`.)
    store_options& retry_budget(double share);

    double retry_budget() const noexcept { return retry_budget_; }

    /// Whether reads that fail at the primary endpoint are tried at the secondary one, every other attempt:
    /// for accounts with read access to their second region (RA-GRS, RA-GZRS). What is read there may be
    /// older than what was written, and a listing may lack rows. That a key or a table is absent is believed
    /// of the primary only, and listings of more than a page are read there. Such reads do not wait for their
    /// turn at a collection that is throttled: a refusal is an attempt like any other. Default: false. Not in
    /// cosmos mode (errc::invalid_argument when the store is made). Its URL is that of the primary with
    /// `-secondary` behind the account, or the connection string's `TableSecondaryEndpoint`.
    /// (https://learn.microsoft.com/azure/storage/common/storage-redundancy)
    store_options& secondary_reads(bool allow);

    bool secondary_reads() const noexcept { return secondary_reads_; }

    /// Whether `query` fetches the next page while the caller works on this one, instead of when it is asked
    /// for: up to half of the time is saved, where both take as long. Default: false. It costs the memory of
    /// one page more, and a request that may be in vain. The page is fetched, and decoded, on the store's
    /// executor: its `run()` does not return before the page is there or the generator goes. The observer,
    /// the logger and `close` count it as an operation under way. Neither `get_all` nor a `blocking_query`,
    /// whose caller's thread is at work, reads ahead.
    ///
    /// Errors: those of the page come with the call that asks for it, not before; so does errc::closed if the
    /// store was closed meanwhile. The time of the page, its `timeout`, runs while the caller works on the
    /// one before: a caller that keeps the store's executor from running for longer makes it fail.
    /// Cancellation: of `next()`, leaves the request under way; the next call waits for it. Thread safety:
    /// one call at a time, as without it. Lifetimes: the request of a generator that goes ends within
    /// milliseconds, and touches nothing of the caller's but the observer and the logger.
    store_options& read_ahead(bool ahead);

    bool read_ahead() const noexcept { return read_ahead_; }

    /// How many transactions a `put_all` has under way at the same time. Each takes a connection and up to 4
    /// MiB. Default: 8. From 1 to 1,000.
    store_options& max_transactions(std::size_t);

    std::size_t max_transactions() const noexcept { return max_transactions_; }

    /// How many connections the store opens at most; further calls wait their turn. Default: 256. From 1
    /// to 65,535. Divided by the time that the service takes it is how many calls a second the store can
    /// make, as far as the CPU allows: 256 / 5 ms = 51,000. (Each thread that calls a `blocking_store` at the
    /// same time may open so many; only a `put_all` uses more than one.)
    store_options& max_connections(std::size_t);

    std::size_t max_connections() const noexcept { return max_connections_; }

    /// How many calls wait at most for a connection, and as many for their turn at each collection that is
    /// throttled; each takes some 6 KB. A further one that would have to wait fails at once with
    /// errc::overloaded; requests that were throttled themselves keep their place. With 0 a `put_all` fails
    /// where its collection is throttled. Default: 8,192. From 0 to 10,000,000.
    ///
    /// A call that waits gives up, with errc::timed_out, when too little of its `timeout` is left for an
    /// exchange to end in time: less than what nine in ten exchanges took of late and a quarter more, but
    /// never more than half of the `timeout`. That attempt was not sent then, nor is one that ends with
    /// errc::overloaded; `error::outcome_unknown` tells of those before.
    store_options& max_waiting(std::size_t);

    std::size_t max_waiting() const noexcept { return max_waiting_; }

    /// A connection that was idle for longer is not used again. A shorter time announced by the service is
    /// kept to. Default: 60 s. Zero: connections are used once.
    store_options& idle_timeout(milliseconds);

    milliseconds idle_timeout() const noexcept { return idle_timeout_; }

    /// The largest response body that is accepted, in bytes. Default: 64 MiB. At least 64 KiB. (So that what
    /// it becomes in memory is bounded as well: a page may have 10,000 rows, an entity 2,048 properties with
    /// their annotations, and all of an answer 4,000,000 JSON values.)
    store_options& max_response_size(std::size_t);

    std::size_t max_response_size() const noexcept { return max_response_size_; }

    /// Whom to trust, and how to be known to the server. Default: the authorities of the system.
    store_options& tls(tls_options);

    const tls_options& tls() const noexcept { return tls_; }

    /// The HTTP proxy that HTTPS connections go through. Default: none; `proxy::from_environment()` is that
    /// of the variables.
    store_options& proxy(azkv::proxy);

    const azkv::proxy& proxy() const noexcept { return proxy_; }

    /// Whether keys and signatures may go over plain HTTP to other machines than this one, and tokens over
    /// plain HTTP to this machine: they never do to another. Default: false.
    store_options& allow_plain_http(bool allow);

    bool allow_plain_http() const noexcept { return allow_plain_http_; }

    /// What tokens are asked for. Default (empty): the service of the endpoint in its cloud, such as
    /// `https://storage.azure.com/.default`.
    store_options& token_scope(std::string);

    const std::string& token_scope() const noexcept { return token_scope_; }

    /// Whether the service is asked which tenant it belongs to, and that tenant for a token: the first
    /// request is sent without one. The credential must be allowed to ask that tenant
    /// (`identity_options::allow_tenant`). Default: false, the credential's own tenant.
    store_options& tenant_discovery(bool discover);

    bool tenant_discovery() const noexcept { return tenant_discovery_; }

    using observer_function = std::function<void(const event&)>;

    /// Is called after each attempt and after each operation, for metrics and traces. On the thread that the
    /// operation runs on, so by several at once if there are several; it must not block. What it throws is
    /// dropped. Default: none.
    store_options& observer(observer_function);

    const observer_function& observer() const noexcept { return observer_; }

    using logger_function = std::function<void(log_level, std::string_view line)>;

    /// Gets the same as lines of text, those of the level `most` and above. A line has no line end, and is
    /// valid during the call. As for threads and exceptions it is like the observer. Default: none.
    store_options& logger(log_level most, logger_function);

    const logger_function& logger() const noexcept { return logger_; }

    azkv::log_level log_level() const noexcept { return log_level_; }

private:
    std::optional<service_mode> mode_;
    std::string partition_ = default_partition;
    table_naming naming_ = table_naming::sanitized;
    milliseconds timeout_{120'000};
    milliseconds attempt_timeout_{40'000};
    milliseconds connect_timeout_{5'000};
    int max_attempts_ = 4;
    milliseconds first_backoff_{100};
    milliseconds longest_backoff_{10'000};
    double retry_budget_ = 0.15;
    bool secondary_reads_ = false;
    bool read_ahead_ = false;
    std::size_t max_transactions_ = 8;
    std::size_t max_connections_ = 256;
    std::size_t max_waiting_ = 8'192;
    milliseconds idle_timeout_{60'000};
    std::size_t max_response_size_ = std::size_t{64} << 20;
    tls_options tls_;
    azkv::proxy proxy_;
    bool allow_plain_http_ = false;
    std::string token_scope_;
    bool tenant_discovery_ = false;
    observer_function observer_;
    logger_function logger_;
    azkv::log_level log_level_ = azkv::log_level::warning;
};

} // namespace azkv
