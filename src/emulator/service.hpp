// The table service of the emulator: requests in, replies out. No network.
#pragma once

#include "emulator/access.hpp"
#include "emulator/cors.hpp"
#include "emulator/deleted_tables.hpp"
#include "emulator/entity_json.hpp"
#include "emulator/message.hpp"
#include "emulator/storage.hpp"

#include <azkv/emulator.hpp>

#include <boost/uuid/random_generator.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace azkv::emulation {

class failure;
class context;

/// The table service without its network. Used by one thread at a time.
class service {
public:
    /// The name of the setting of the storage that has the account.
    static constexpr std::string_view account_setting = "account";

    /// Serves the first account of the options.
    explicit service(const emulator_options&);

    service_mode mode() const { return mode_; }

    const std::string& account() const { return account_; }

    /// Executes a request. `max_rows` limits the pages of queries below the limit of the service.
    reply answer(const request&, const origin&, std::optional<std::size_t> max_rows = std::nullopt);

    /// Returns an error response in the format of the service.
    reply refuse(const request&, unsigned status, const std::string& code, const std::string& message);

    /// Returns such an error as the only part of the response to a batch.
    reply refuse_in_batch(const request&, unsigned status, const std::string& code,
                          const std::string& message);

private:
    reply preflight(const request&) const;
    reply perform(context&, const request&, const target&, const std::string& request_id);
    reply write_error(const request&, const std::string& request_id, unsigned status, std::string_view code,
                      std::string_view message, bool in_batch = false) const;
    reply write_storage_error(const request&, const std::string& request_id, unsigned status,
                              std::string_view code, std::string_view message) const;
    reply write_cosmos_error(metadata, const std::string& request_id, unsigned status, std::string_view code,
                             std::string_view message) const;
    reply finish(reply, const request&, const std::string& request_id) const;
    std::string new_id();
    std::chrono::system_clock::time_point now() const;
    ticks now_in_ticks() const;
    ticks next_timestamp();

    service_mode mode_;
    std::string account_;
    std::string scheme_;
    emulator_options::clock_function clock_;
    storage storage_;
    deleted_tables deleted_tables_;
    authenticator authenticator_;
    cors_rules cors_;
    ticks last_timestamp_;
    boost::uuids::random_generator_mt19937 ids_;
};

} // namespace azkv::emulation
