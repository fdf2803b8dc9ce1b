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

/// Configures a store: `store_options().timeout(std::chrono::seconds(10)).partition("tenant-7")`. Each setter
/// checks its argument, and throws `azkv::error` (errc::invalid_argument) that names the option.
class AZKV_DECL store_options {
public:
    using milliseconds = std::chrono::milliseconds;

    store_options() {}

    /// Sets which service the endpoint belongs to. Default: cosmos for the host names of Cosmos DB, and for a
    /// URL on this machine that names no account, neither in its path nor in its host name
    /// (`acct.localhost`). In all other cases: storage.
    store_options& mode(service_mode);

    std::optional<service_mode> mode() const noexcept { return mode_; }

    /// Sets the partition that holds the store's keys. Default: "default". May be empty in storage mode.
    store_options& partition(std::string);

    const std::string& partition() const noexcept { return partition_; }

    /// Sets how collections become table names. Default: `table_naming::sanitized`.
    store_options& naming(table_naming);

    table_naming naming() const noexcept { return naming_; }

    /// Limits the time of a whole call: waiting for a connection, all attempts, and the pauses between them.
    /// For `query` and `get_all` the limit applies to each page, for `put_all` to each transaction. Default:
    /// 120 s. From 1 ms to a year, like all times here.
    store_options& timeout(milliseconds);

    milliseconds timeout() const noexcept { return timeout_; }

    /// Limits the time of one attempt, from obtaining a connection, which may have to be opened first, to the
    /// last byte of the response. Default: 40 s, above the service's own limit of 30 s.
    store_options& attempt_timeout(milliseconds);

    milliseconds attempt_timeout() const noexcept { return attempt_timeout_; }

    /// Limits the time to look up a host, connect, and complete the TLS handshake. If a host has several
    /// addresses, the next one is tried after 250 ms or as soon as one fails (RFC 8305). Default: 5 s.
    store_options& connect_timeout(milliseconds);

    milliseconds connect_timeout() const noexcept { return connect_timeout_; }

    /// Limits the attempts of a call, including the first. Default: 4. With 1 there are no retries.
    ///
    /// Not counted are:
    ///
    /// - one transparent resend per attempt when a pooled connection turns out to be closed by the peer;
    /// - a read repeated at the primary because the secondary has no such key or table;
    /// - unless the limit is 1, retries until the deadline: of a throttled request (429, 503 `ServerBusy`),
    ///   which waits for its turn, and of a write to a table that is being deleted;
    /// - the two further requests of a write whose table is missing, its creation and the repeated write. The
    ///   failures of all three requests count together, and `timeout` limits all three.
    ///
    /// Even with a limit of 1, a call waits for its turn at a throttled partition; if it is then refused, it
    /// fails at once.
    store_options& max_attempts(int);

    int max_attempts() const noexcept { return max_attempts_; }

    /// Sets the pause before the first retry; it doubles for each further retry up to `longest`, with jitter.
    /// If the service requests a longer pause, that is used instead, plus up to a tenth of it, so that
    /// callers do not all return at the same moment. Throttled requests that wait for their turn do not
    /// pause. Default: 100 ms and 10 s.
    store_options& backoff(milliseconds first, milliseconds longest);

    milliseconds first_backoff() const noexcept { return first_backoff_; }

    milliseconds longest_backoff() const noexcept { return longest_backoff_; }

    /// Limits the retries of all the store's calls together to this share of its requests. The first attempt
    /// of each request adds the share to the budget. Independently, 6 retries are added per second. The
    /// budget starts with 40 retries and holds at most 40 (40 times the share, if the share exceeds 1). A
    /// call that finds no retry left fails with the error of its last attempt. This keeps retries from
    /// overloading a service that is already failing. Throttled requests are paced instead, and cost nothing.
    /// Default: 0.15. From 0, which leaves the 40 retries and the 6 per second, to 100, which is practically
    /// no limit. (To disable retries: `max_attempts(1)`.)
    store_options& retry_budget(double share);

    double retry_budget() const noexcept { return retry_budget_; }

    /// Sets whether every other attempt of a failed read goes to the secondary endpoint. For accounts with
    /// read access to their second region (RA-GRS, RA-GZRS).
    ///
    /// A read from the secondary may return older data than was written, and a listing may lack rows. Only
    /// the primary decides that a key or a table is absent, and listings of more than one page are read from
    /// it. With this option, reads do not wait for their turn at a throttled partition: a refusal counts as
    /// an attempt like any other.
    ///
    /// Default: false. Not available in cosmos mode (the store's constructor throws errc::invalid_argument).
    /// The secondary URL is that of the primary with `-secondary` after the account, or the connection
    /// string's `TableSecondaryEndpoint`.
    /// (https://learn.microsoft.com/azure/storage/common/storage-redundancy)
    store_options& secondary_reads(bool allow);

    bool secondary_reads() const noexcept { return secondary_reads_; }

    /// Sets whether conditional writes leave a mark in their row, in the property `azkv_write`: up to 152
    /// characters, which other readers see. It is how a lost response is resolved. Without it, the
    /// outcome of a conditional write whose response was lost is unknown, unless the row still has the
    /// version that was given, or there is still none. Default: true.
    store_options& write_ids(bool leave);

    bool write_ids() const noexcept { return write_ids_; }

    /// Sets whether `query` fetches the next page while the caller processes the current one, instead of on
    /// demand. Default: false. It saves up to half of the time, if fetching and processing take equally long.
    /// It costs the memory of one more page, and a request that may turn out to be unneeded. The page is
    /// fetched and decoded on the store's executor: its `run()` does not return before the page has arrived
    /// or the generator is destroyed. The observer, the logger and `close` treat it as an operation in
    /// flight. Neither `get_all` nor a `blocking_query`, whose caller's thread is busy, reads ahead.
    ///
    /// - Throws: errors of the page are thrown by the call that requests it, not earlier; so is errc::closed
    ///   if the store was closed meanwhile. The page's `timeout` runs while the caller processes the previous
    ///   one: a caller that blocks the store's executor for longer makes the page fail.
    /// - Cancellation: cancelling `next()` leaves the request in flight; the next call waits for it.
    /// - Thread safety: one call at a time, as without it.
    /// - Lifetime: when a generator is destroyed, its request ends within milliseconds. Until then it uses
    ///   nothing of the caller's but the observer and the logger.
    store_options& read_ahead(bool ahead);

    bool read_ahead() const noexcept { return read_ahead_; }

    /// Limits the transactions that a `put_all` has in flight at the same time. Each takes a connection and
    /// up to 4 MiB. Default: 8. From 1 to 1,000.
    store_options& max_transactions(std::size_t);

    std::size_t max_transactions() const noexcept { return max_transactions_; }

    /// Limits the connections that the store opens; further calls wait. Default: 256. From 1 to 65,535. This
    /// number divided by the service's response time is the number of calls per second that the store can
    /// make, as far as the CPU allows: 256 / 5 ms = 51,000. (In a `blocking_store`, each thread that calls it
    /// at the same time may open that many; only a `put_all` uses more than one.)
    store_options& max_connections(std::size_t);

    std::size_t max_connections() const noexcept { return max_connections_; }

    /// Limits the calls that wait for a connection. The same limit applies separately to each throttled
    /// partition of a collection. Each waiting call takes some 6 KB. A further call that would have to wait
    /// fails at once with errc::overloaded; requests that were throttled themselves keep their place. With 0,
    /// a `put_all` fails if its partition is throttled. Default: 8,192. From 0 to 10,000,000.
    ///
    /// A waiting call gives up with errc::timed_out when too little of its `timeout` is left to complete a
    /// request. The threshold is the time within which nine in ten recent requests completed, plus a quarter,
    /// but at most half of the `timeout`. The attempt that ends in this way, or with errc::overloaded, was
    /// not sent; `error::outcome_unknown` reports on the attempts before it.
    store_options& max_waiting(std::size_t);

    std::size_t max_waiting() const noexcept { return max_waiting_; }

    /// Limits the time that a connection may be idle; one that was idle for longer is not reused. A shorter
    /// time announced by the service takes precedence. Default: 60 s. Zero: connections are not reused.
    store_options& idle_timeout(milliseconds);

    milliseconds idle_timeout() const noexcept { return idle_timeout_; }

    /// Limits the size of a response body, in bytes. Default: 64 MiB. At least 64 KiB. (To bound the decoded
    /// size as well, a page may have 10,000 rows, an entity 2,048 properties with their annotations, and a
    /// response 4,000,000 JSON values in all.)
    store_options& max_response_size(std::size_t);

    std::size_t max_response_size() const noexcept { return max_response_size_; }

    /// Sets the trusted CAs and the client certificate. Default: the system's CAs, and no certificate.
    store_options& tls(tls_options);

    const tls_options& tls() const noexcept { return tls_; }

    /// Sets the HTTP proxy for HTTPS connections. Default: none; `proxy::from_environment()` returns the one
    /// that the environment variables describe.
    store_options& proxy(azkv::proxy);

    const azkv::proxy& proxy() const noexcept { return proxy_; }

    /// Sets whether keys and signatures may be sent over plain HTTP to other machines, and tokens over plain
    /// HTTP to this machine. Tokens are never sent over plain HTTP to another machine. Default: false.
    store_options& allow_plain_http(bool allow);

    bool allow_plain_http() const noexcept { return allow_plain_http_; }

    /// Sets the scope of token requests. Default (empty): that of the endpoint's service in its cloud, such
    /// as `https://storage.azure.com/.default`.
    store_options& token_scope(std::string);

    const std::string& token_scope() const noexcept { return token_scope_; }

    /// Sets whether the store asks the service for its tenant and requests tokens from that tenant. The first
    /// request is then sent without a token. The credential must allow that tenant
    /// (`identity_options::allow_tenant`). Default: false, which uses the credential's own tenant.
    store_options& tenant_discovery(bool discover);

    bool tenant_discovery() const noexcept { return tenant_discovery_; }

    using observer_function = std::function<void(const event&)>;

    /// Sets a callback for metrics and traces. It receives an `event` after each attempt and each operation,
    /// on overload, and when a partition is throttled. It must not block. Exceptions from it are ignored.
    /// Default: none.
    ///
    /// Thread safety: it is called on the thread that the operation runs on, so by several threads at once if
    /// several run operations.
    store_options& observer(observer_function);

    const observer_function& observer() const noexcept { return observer_; }

    using logger_function = std::function<void(log_level, std::string_view line)>;

    /// Sets a callback for log lines. It receives the same events as text, if they are of at least this
    /// severity. A line has no line end, and is valid during the call. The observer's rules about blocking,
    /// threads and exceptions apply. Default: none.
    store_options& logger(log_level min_severity, logger_function);

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
    bool write_ids_ = true;
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
