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

namespace azkv {

/// How an `emulator` behaves. Setters throw `azkv::error` (errc::invalid_argument) for what cannot be; the
/// directory, the port and the certificate are tried when the emulator is made.
class AZKV_DECL emulator_options {
public:
    using bearer_check = std::function<bool(std::string_view token)>;
    using clock_function = std::function<std::chrono::system_clock::time_point()>;

    emulator_options();

    /// Which service to be like. Default: storage.
    emulator_options& mode(service_mode);

    service_mode mode() const noexcept { return mode_; }

    /// Where tables are kept, in an SQLite database; the directory is made if it is missing. It is for one
    /// emulator at a time, and for one mode. A write that was answered is there whatever happens to the
    /// process, though not to the machine. Default (empty): in memory.
    emulator_options& directory(std::string path);

    const std::string& directory() const noexcept { return directory_; }

    /// The port on 127.0.0.1 and on ::1. Default: 0, any that is free.
    emulator_options& port(unsigned short);

    unsigned short port() const noexcept { return port_; }

    /// The account, and its key in base64. Default: the well-known ones of all emulators, whose key is
    /// public; in cosmos mode the account `localhost`, with the same key.
    emulator_options& account(std::string name, std::string key);

    const std::string& account() const noexcept { return account_; }

    const std::string& key() const noexcept { return key_; }

    /// Speaks HTTPS, with this certificate (and those that lead to its authority) and its key, which must not
    /// be encrypted: both are PEM text, not names of files. The certificate must be for 127.0.0.1, in cosmos
    /// mode for localhost. Default: HTTP.
    emulator_options& tls(std::string certificates, std::string key);

    const std::string& certificates() const noexcept { return certificates_; }

    const std::string& certificate_key() const noexcept { return certificate_key_; }

    /// Decides which bearer tokens are good, over HTTPS; called on the emulator's thread. If it throws, the
    /// request is answered with status 500. Default: none is.
    emulator_options& bearer(bearer_check);

    const bearer_check& bearer() const noexcept { return bearer_; }

    /// The time, for timestamps, and to compare the dates of requests with: those that are more than 15
    /// minutes off are refused, as by the service. Called on the emulator's thread; if it throws, the request
    /// is not answered. Default: the system's.
    emulator_options& clock(clock_function);

    const clock_function& clock() const noexcept { return clock_; }

private:
    service_mode mode_ = service_mode::storage;
    std::string directory_;
    unsigned short port_ = 0;
    std::string account_;
    std::string key_;
    std::string certificates_;
    std::string certificate_key_;
    bearer_check bearer_;
    clock_function clock_;
};

/// What an `emulator` has seen so far.
class emulator_counters {
public:
    std::uint64_t requests = 0; ///< begun, also those that met a fault
    std::uint64_t faults = 0;   ///< met
    std::uint64_t connections = 0;
    std::uint64_t open_connections = 0; ///< at this moment
    std::uint64_t handshakes = 0;       ///< of TLS, completed
    std::uint64_t resumed_handshakes = 0;
};

/// A table service inside the process, for tests and trials: real HTTP on a loopback port, and as strict as
/// Azure Table Storage or Azure Cosmos DB for Table, whose limits, errors and odd shapes it has. Any client
/// can talk to it.
///
///     azkv::emulator service;
///     auto db = azkv::blocking_store::from_connection_string(service.connection_string());
///
/// Link `azkv::emulator`.
///
/// Thread safety: the members may be called from any thread, and from the functions that the options and
/// faults hold, except for the destructor and moves. (With a thread of its own an emulator may be destroyed
/// on that, too.) One that was moved from can only be assigned to or destroyed.
///
/// Processes: it belongs to the process that made it. In a forked child its members and its destructor do
/// nothing; a context that it was given must not be run there.
///
/// Lifetimes: an executor's context must outlive the emulator. What the functions refer to must be there
/// until the emulator is gone, with an executor until that has run what was left of it.
///
/// Sources: https://learn.microsoft.com/rest/api/storageservices/table-service-rest-api and
/// https://learn.microsoft.com/azure/cosmos-db/table/faq
class AZKV_DECL emulator {
public:
    /// Starts one with a thread of its own. Throws `boost::system::system_error` if it cannot have the port,
    /// `azkv::error` (errc::invalid_argument) if the directory, the certificate or its key cannot be used.
    explicit emulator(emulator_options = {});

    /// The same on the caller's executor: it serves while that runs, and is work for it, so that `run()` does
    /// not return before `stop()` or the destructor. The database is read and written there: most requests
    /// take microseconds, a page of a query that no keys narrow down up to 20 milliseconds, and the deletion
    /// of a table as long as that is large. May be run by several threads.
    explicit emulator(boost::asio::any_io_executor, emulator_options = {});

    /// Stops it. With an executor, it has its port and its directory until that has run what was left of it.
    ~emulator();

    emulator(emulator&&) noexcept;
    emulator& operator=(emulator&&) noexcept;

    /// What a client needs to know, the key included.
    std::string connection_string() const;

    /// The base URL: `http://127.0.0.1:10002/devstoreaccount1`, in cosmos mode `http://localhost:10002`.
    std::string endpoint() const;

    unsigned short port() const;
    service_mode mode() const;

    /// Replaces the plan of faults, and lets the rest of the old one go; without an argument there are none
    /// any more. Takes effect with the next request.
    void faults(fault_plan = {});

    emulator_counters counters() const;

    /// Closes all connections and refuses new ones, as a service that is down; its tables stay. With a thread
    /// of its own that has happened when the call returns; else it happens on the executor.
    void stop();

    /// Serves again, on the same port. Throws `boost::system::system_error` if another has taken it, or if
    /// the executor has not got to `stop()` yet.
    void start();

private:
    class implementation;
    std::unique_ptr<implementation> impl_;
};

} // namespace azkv
