#pragma once

#include <azkv/config.hpp>
#include <azkv/faults.hpp>
#include <azkv/value.hpp>

#include <boost/asio/any_io_executor.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace azkv {

/// Configures an `emulator`. Setters throw `azkv::error` (errc::invalid_argument) for invalid values. The
/// emulator's constructor checks the directory, the port and the certificate.
class AZKV_DECL emulator_options {
public:
    using bearer_check = std::function<bool(std::string_view token)>;
    using clock_function = std::function<std::chrono::system_clock::time_point()>;
    using log_function = std::function<void(std::string_view line)>;

    emulator_options();

    /// Sets the service to emulate. Default: storage.
    emulator_options& mode(service_mode);

    service_mode mode() const noexcept { return mode_; }

    /// Sets the directory that keeps the tables, in an SQLite database for each account, in a folder of its
    /// name; it is created if it does not exist. It serves one emulator at a time, and one mode. An
    /// acknowledged write survives a crash of the process, but not of the machine. A database in the
    /// directory itself, from an earlier version, belongs to the first account that is started with it, and
    /// the emulator does not start without that account from then on. Default (empty): in memory.
    emulator_options& directory(std::string path);

    const std::string& directory() const noexcept { return directory_; }

    /// Sets the IP address to listen on, such as `0.0.0.0` or `::`, which other machines can reach. The
    /// emulator is for tests only: its default key is public, and nothing limits what a client may store.
    /// Names are not looked up. In URLs, 0.0.0.0 becomes 127.0.0.1, and :: becomes ::1. In cosmos mode a
    /// client of another address than a loopback one must be told its mode. Default (empty): 127.0.0.1 and
    /// ::1.
    emulator_options& host(std::string address);

    const std::string& host() const noexcept { return host_; }

    /// Sets the port. Default: 0, any free port.
    emulator_options& port(unsigned short);

    unsigned short port() const noexcept { return port_; }

    /// Sets the account, whose name has lower-case letters, digits and hyphens, and its key in base64.
    /// Default: the account and the public key that all emulators share; in cosmos mode the account
    /// `localhost`, with the same key.
    emulator_options& account(std::string name, std::string key);

    const std::string& account() const noexcept { return account_; }

    const std::string& key() const noexcept { return key_; }

    /// Adds another account, with tables of its own. A request is for the account in the first segment of its
    /// path or in the first label of its host; in cosmos mode for that in the first label of its host, else
    /// in its `Authorization`, else for the first account. An account that is none of these does not exist:
    /// 400 `AccountNotFound`; but in cosmos mode only a host `NAME.localhost` names one for certain, and an
    /// unknown account in `Authorization` is refused with 403. A name that is given twice is rejected by the
    /// emulator's constructor.
    emulator_options& add_account(std::string name, std::string key);

    /// Returns the names and keys of the accounts after the first.
    const std::vector<std::pair<std::string, std::string>>& added_accounts() const noexcept {
        return added_accounts_;
    }

    /// Serves HTTPS with this certificate chain and its private key, which must not be encrypted. Both are
    /// PEM text, not file names. The certificate must be for 127.0.0.1, in cosmos mode for localhost.
    /// Default: HTTP.
    emulator_options& tls(std::string certificates, std::string key);

    const std::string& certificates() const noexcept { return certificates_; }

    const std::string& certificate_key() const noexcept { return certificate_key_; }

    /// Sets the function that validates bearer tokens, which are for HTTPS only. It is called on the
    /// emulator's thread; if it throws, the response has status 500. By default every token is rejected.
    emulator_options& bearer(bearer_check);

    const bearer_check& bearer() const noexcept { return bearer_; }

    /// Sets the clock for timestamps and for checking the dates of requests: like the service, the emulator
    /// refuses a request whose date is more than 15 minutes off. It is called on the emulator's thread; if it
    /// throws, the request gets no response. Default: the system clock.
    emulator_options& clock(clock_function);

    const clock_function& clock() const noexcept { return clock_; }

    /// Sets how long a deleted table is being deleted, by the emulator's clock. It is gone at once for
    /// everyone who reads, writes or lists, but meanwhile the creation of a table of that name fails: 409
    /// `TableBeingDeleted`. Azure takes at least 40 seconds. A new emulator on the same directory does not
    /// know of it. It has no effect in cosmos mode. From 0 to a day. Default: 0.
    emulator_options& table_deletion_time(std::chrono::milliseconds);

    std::chrono::milliseconds table_deletion_time() const noexcept { return table_deletion_time_; }

    /// Sets the function that gets a line for each request, before its response is sent: when (by the
    /// system's clock), from where, method, path and query, status, milliseconds, and the fault or the limit
    /// that it met. The line has no signature, no header and no body; of the query only the parameters that
    /// select or page. It is called on the emulator's thread; if it throws, the connection closes, although
    /// the request has been executed. By default there is none.
    emulator_options& log(log_function);

    const log_function& log() const noexcept { return log_; }

private:
    service_mode mode_ = service_mode::storage;
    std::string directory_;
    std::string host_;
    unsigned short port_ = 0;
    std::string account_;
    std::string key_;
    std::vector<std::pair<std::string, std::string>> added_accounts_;
    std::string certificates_;
    std::string certificate_key_;
    bearer_check bearer_;
    clock_function clock_;
    std::chrono::milliseconds table_deletion_time_{0};
    log_function log_;
};

/// Counts what an `emulator` has seen so far.
class emulator_counters {
public:
    std::uint64_t requests = 0; ///< begun, including those that met a fault
    std::uint64_t faults = 0;   ///< injected
    std::uint64_t connections = 0;
    std::uint64_t open_connections = 0; ///< now
    std::uint64_t handshakes = 0;       ///< completed TLS handshakes
    std::uint64_t resumed_handshakes = 0;
};

/// A table service inside the process, for tests and experiments. It serves real HTTP on a loopback port, and
/// is as strict as Azure Table Storage or Azure Cosmos DB for Table: it has their limits, their errors and
/// their odd response formats. Any client can use it.
///
///     azkv::emulator service;
///     auto db = azkv::blocking_store::from_connection_string(service.connection_string());
///
/// Programs link with `azkv::emulator`.
///
/// Thread safety: any thread may call any member except the destructor and the moves. The functions in the
/// options and faults may call them as well. An emulator with its own thread may also be destroyed on that
/// thread. A moved-from emulator can only be assigned to or destroyed.
///
/// Processes: an emulator belongs to the process that created it. In a forked child its members and its
/// destructor do nothing, and the context of its executor must not be run.
///
/// Lifetime: an executor's context must outlive the emulator. Whatever the functions refer to must live until
/// the emulator is destroyed and, with an executor, until that has run the remaining handlers.
///
/// Sources: https://learn.microsoft.com/rest/api/storageservices/table-service-rest-api and
/// https://learn.microsoft.com/azure/cosmos-db/table/faq
class AZKV_DECL emulator {
public:
    /// Starts an emulator with its own thread.
    ///
    /// Throws: `boost::system::system_error` if the port cannot be opened; `azkv::error`
    /// (errc::invalid_argument) if the directory, the certificate or its key cannot be used.
    explicit emulator(emulator_options = {});

    /// Starts an emulator on the caller's executor, which several threads may run. The emulator serves while
    /// the executor runs, and counts as work for it: `run()` does not return before `stop()` or the
    /// destructor. The database is read and written there. Most requests take microseconds; a page of a query
    /// that no keys narrow down takes tens of milliseconds, and the deletion of a table takes time in
    /// proportion to its size.
    ///
    /// Throws: what the other constructor throws.
    explicit emulator(boost::asio::any_io_executor, emulator_options = {});

    /// Stops the emulator. With an executor, the port and the directory are released once that has run the
    /// remaining handlers.
    ~emulator();

    emulator(emulator&&) noexcept;
    emulator& operator=(emulator&&) noexcept;

    /// Returns all that a client needs to connect, including the key of the first account.
    std::string connection_string() const;

    /// The same for one of the accounts.
    ///
    /// Throws: `azkv::error` (errc::invalid_argument) if the emulator has no such account.
    std::string connection_string(std::string_view account) const;

    /// Returns the base URL of the first account, such as `http://127.0.0.1:10002/devstoreaccount1`, or in
    /// cosmos mode `http://localhost:10002`.
    std::string endpoint() const;

    unsigned short port() const;
    service_mode mode() const;

    /// Replaces the fault plan from the next request on, and discards the rest of the old one. Without an
    /// argument no more faults occur.
    void faults(fault_plan = {});

    emulator_counters counters() const;

    /// Closes all connections and refuses new ones, like a service that is down. The tables remain. With its
    /// own thread, the emulator has stopped when the call returns; otherwise it stops on the executor.
    void stop();

    /// Serves again, on the same port.
    ///
    /// Throws: `boost::system::system_error` if the port has been taken, or if the executor has not processed
    /// `stop()` yet.
    void start();

private:
    class implementation;
    std::unique_ptr<implementation> impl_;
};

} // namespace azkv
