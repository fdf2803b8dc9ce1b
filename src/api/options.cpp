#include "support/require.hpp"

#include <azkv/options.hpp>
#include <azkv/token_credential.hpp>

namespace azkv {

store_options& store_options::mode(service_mode m) {
    mode_ = m;
    return *this;
}

store_options& store_options::partition(std::string key) {
    partition_ = std::move(key); // checked by the store: it knows the service
    return *this;
}

store_options& store_options::naming(table_naming n) {
    naming_ = n;
    return *this;
}

store_options& store_options::timeout(milliseconds t) {
    require_time(t, "timeout");
    timeout_ = t;
    return *this;
}

store_options& store_options::attempt_timeout(milliseconds t) {
    require_time(t, "attempt_timeout");
    attempt_timeout_ = t;
    return *this;
}

store_options& store_options::connect_timeout(milliseconds t) {
    require_time(t, "connect_timeout");
    connect_timeout_ = t;
    return *this;
}

store_options& store_options::max_attempts(int n) {
    require(n >= 1, "max_attempts must be at least 1");
    max_attempts_ = n;
    return *this;
}

store_options& store_options::backoff(milliseconds first, milliseconds longest) {
    require_time(first, "backoff");
    require_time(longest, "backoff");
    require(first <= longest, "backoff: the first pause must not exceed the longest");
    first_backoff_ = first;
    longest_backoff_ = longest;
    return *this;
}

store_options& store_options::retry_budget(double share) {
    require(share >= 0 && share <= 100, "retry_budget must be from 0 to 100");
    retry_budget_ = share;
    return *this;
}

store_options& store_options::secondary_reads(bool allow) {
    secondary_reads_ = allow;
    return *this;
}

store_options& store_options::write_ids(bool leave) {
    write_ids_ = leave;
    return *this;
}

store_options& store_options::read_ahead(bool ahead) {
    read_ahead_ = ahead;
    return *this;
}

store_options& store_options::max_transactions(std::size_t n) {
    require(n >= 1 && n <= 1'000, "max_transactions must be from 1 to 1000");
    max_transactions_ = n;
    return *this;
}

store_options& store_options::max_connections(std::size_t n) {
    require(n >= 1 && n <= 65'535, "max_connections must be from 1 to 65535");
    max_connections_ = n;
    return *this;
}

store_options& store_options::max_waiting(std::size_t n) {
    require(n <= 10'000'000, "max_waiting must be from 0 to 10000000");
    max_waiting_ = n;
    return *this;
}

store_options& store_options::idle_timeout(milliseconds t) {
    if (t.count() != 0) require_time(t, "idle_timeout, if not zero,");
    idle_timeout_ = t;
    return *this;
}

store_options& store_options::max_response_size(std::size_t bytes) {
    require(bytes >= 64 * 1024, "max_response_size must be at least 65536 bytes");
    max_response_size_ = bytes;
    return *this;
}

store_options& store_options::tls(tls_options t) {
    tls_ = std::move(t); // its files are read when the store is created
    return *this;
}

store_options& store_options::proxy(azkv::proxy p) {
    proxy_ = std::move(p);
    return *this;
}

store_options& store_options::token_scope(std::string scope) {
    const token_request checked(std::move(scope));
    token_scope_ = checked.scope();
    return *this;
}

store_options& store_options::tenant_discovery(bool discover) {
    tenant_discovery_ = discover;
    return *this;
}

store_options& store_options::observer(observer_function f) {
    observer_ = std::move(f);
    return *this;
}

store_options& store_options::logger(azkv::log_level min_severity, logger_function f) {
    log_level_ = min_severity;
    logger_ = std::move(f);
    return *this;
}

store_options& store_options::allow_plain_http(bool allow) {
    allow_plain_http_ = allow;
    return *this;
}

} // namespace azkv
