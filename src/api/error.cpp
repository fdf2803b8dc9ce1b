#include <azkv/error.hpp>

#include <boost/asio/error.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/system/errc.hpp>

#include <algorithm>
#include <array>

namespace azkv {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

// The ids make this category equal to that of another copy of the library in the same process.
class error_category_type final : public boost::system::error_category {
public:
    error_category_type() noexcept : boost::system::error_category(0x7A5D'31C8'0E94'B6F2) {}

    const char* name() const noexcept override { return "azkv"; }

    std::string message(int value) const override {
        switch (static_cast<errc>(value)) {
        case errc::invalid_argument: return "invalid argument";
        case errc::invalid_connection_string: return "invalid connection string";
        case errc::insecure_transport: return "credentials must not be sent over plain HTTP";
        case errc::too_large: return "exceeds a limit of the service";
        case errc::rejected: return "the service rejected the request";
        case errc::unauthorized: return "authentication with the service failed";
        case errc::forbidden: return "access denied by the service";
        case errc::not_found: return "not found";
        case errc::conflict: return "conflict";
        case errc::precondition_failed: return "the entity has changed";
        case errc::throttled: return "throttled by the service";
        case errc::server_error: return "the service failed";
        case errc::bad_response: return "invalid response from the service";
        case errc::timed_out: return "timed out";
        case errc::type_mismatch: return "the value does not match the type";
        case errc::credential_unavailable: return "the credential is not available here";
        case errc::authentication_failed: return "no token was issued";
        case errc::proxy_failed: return "the proxy did not connect to the service";
        case errc::closed: return "the store was closed";
        case errc::forked: return "the store or query belongs to the parent process";
        case errc::contended: return "other writers were faster";
        case errc::overloaded: return "too many calls are waiting";
        }
        return "unknown error";
    }
};

class condition_category_type final : public boost::system::error_category {
public:
    condition_category_type() noexcept : boost::system::error_category(0xC1F6'842B'9D07'53AE) {}

    const char* name() const noexcept override { return "azkv.condition"; }

    std::string message(int value) const override {
        switch (static_cast<condition>(value)) {
        case condition::not_found: return "not found";
        case condition::conflict: return "conflict";
        case condition::precondition_failed: return "precondition failed";
        case condition::throttled: return "throttled";
        case condition::unauthorized: return "unauthorized";
        case condition::transient: return "transient";
        case condition::too_large: return "too large";
        case condition::invalid_argument: return "invalid argument";
        case condition::timed_out: return "timed out";
        case condition::type_mismatch: return "type mismatch";
        }
        return "unknown condition";
    }

    bool equivalent(const error_code& code, int value) const noexcept override {
        const auto any_of = [&](auto... candidates) { return ((code == error_code(candidates)) || ...); };
        switch (static_cast<condition>(value)) {
        case condition::not_found: return any_of(errc::not_found);
        case condition::conflict: return any_of(errc::conflict);
        case condition::precondition_failed: return any_of(errc::precondition_failed);
        case condition::throttled: return any_of(errc::throttled);
        case condition::unauthorized:
            return any_of(errc::unauthorized, errc::forbidden, errc::credential_unavailable,
                          errc::authentication_failed);
        case condition::too_large: return any_of(errc::too_large);
        case condition::timed_out: return any_of(errc::timed_out, asio::error::timed_out);
        case condition::type_mismatch: return any_of(errc::type_mismatch);
        case condition::invalid_argument:
            return any_of(errc::invalid_argument, errc::invalid_connection_string, errc::insecure_transport,
                          errc::too_large, errc::rejected, errc::proxy_failed, errc::forked);
        case condition::transient:
            return any_of(errc::throttled, errc::server_error, errc::timed_out, errc::overloaded,
                          errc::contended, asio::error::timed_out, asio::error::connection_refused,
                          asio::error::connection_reset, asio::error::connection_aborted,
                          asio::error::broken_pipe, asio::error::eof,
                          asio::error::not_connected, // the connection belonged to the parent process
                          asio::error::host_unreachable, asio::error::network_unreachable,
                          asio::error::network_down, asio::error::network_reset,
                          asio::error::host_not_found_try_again, asio::ssl::error::stream_truncated);
        }
        return false;
    }
};

} // namespace

const boost::system::error_category& error_category() noexcept {
    static const error_category_type instance;
    return instance;
}

const boost::system::error_category& condition_category() noexcept {
    static const condition_category_type instance;
    return instance;
}

error::error(error_code code, std::string what, diagnostics details)
    : system_error(code), what_(std::make_shared<const std::string>(std::move(what))),
      details_(std::make_shared<const diagnostics>(std::move(details))) {}

error::~error() = default; // defined here for a single type_info

namespace {

diagnostics with_outcome(diagnostics d, bool unknown) {
    d.outcome_unknown = unknown;
    return d;
}

} // namespace

put_all_error::put_all_error(const error& first, std::string what, std::vector<std::string> not_written,
                             std::vector<std::string> unknown)
    : error(first.code(), std::move(what), with_outcome(first.details(), !unknown.empty())) {
    auto all = std::make_shared<lists>();
    all->not_written = std::move(not_written);
    all->unknown = std::move(unknown);
    lists_ = std::move(all);
}

put_all_error::~put_all_error() = default;

} // namespace azkv
