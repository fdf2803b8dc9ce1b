// The emulator's service without its network.
#pragma once

#include "emulator/service.hpp"
#include "identity/tokens/shared_key.hpp"
#include "protocol/connection_string.hpp"
#include "protocol/http_date.hpp"

#include <chrono>
#include <string>
#include <utility>

namespace azkv::test {

inline const std::string account_key(protocol::development_account().key.reveal());

inline std::string sign(const std::string& text) {
    return identity::hmac_sha256(account_key).sign(text);
}

/// A service, called with the account's key or without.
class subject {
public:
    explicit subject(service_mode mode = service_mode::storage, const std::string& directory = {},
                     emulator_options more = {})
        : account_(mode == service_mode::storage ? "acct" : "localhost"),
          base_(mode == service_mode::storage ? "/acct" : ""),
          service_(more.mode(mode).account(account_, account_key).directory(directory)) {}

    emulation::reply ask(std::string method, const std::string& target, std::string body = {},
                         emulation::headers more = {}) {
        emulation::request r = make(std::move(method), base_ + target, std::move(body), std::move(more));
        const std::string date = protocol::http_date(std::chrono::system_clock::now());
        r.headers.emplace_back("x-ms-date", date);
        identity::shared_key_input input;
        input.request.target = signed_as_.empty() ? r.target : signed_as_;
        input.date = date;
        input.account = account_;
        r.headers.emplace_back(
            "Authorization", "SharedKeyLite " + account_ + ":"
                                 + sign(identity::string_to_sign(identity::shared_key_scheme::lite, input)));
        return service_.answer(r, emulation::origin());
    }

    emulation::reply ask_unsigned(std::string method, const std::string& target,
                                  emulation::headers more = {}) {
        return service_.answer(make(std::move(method), base_ + target, {}, std::move(more)),
                               emulation::origin());
    }

    void sign_as(std::string target) { signed_as_ = std::move(target); }

    unsigned put(const std::string& table, const std::string& partition_key, const std::string& row_key) {
        return ask("PUT", "/" + table + "(PartitionKey='" + partition_key + "',RowKey='" + row_key + "')",
                   "{}")
            .status;
    }

private:
    static emulation::request make(std::string method, std::string target, std::string body,
                                   emulation::headers more) {
        emulation::request r;
        r.method = std::move(method);
        r.target = std::move(target);
        r.body = std::move(body);
        r.headers = std::move(more);
        r.headers.emplace_back("Host", "127.0.0.1:10002");
        r.headers.emplace_back("Accept", "application/json;odata=nometadata");
        if (!emulation::find_header(r.headers, "Content-Type"))
            r.headers.emplace_back("Content-Type", "application/json");
        return r;
    }

    std::string account_;
    std::string base_;
    std::string signed_as_;
    emulation::service service_;
};

} // namespace azkv::test
