// The accounts of the emulator, each a service of its own. No network.
#pragma once

#include "emulator/message.hpp"
#include "emulator/service.hpp"

#include <azkv/emulator.hpp>

#include <memory>
#include <string_view>
#include <vector>

namespace azkv::emulation {

/// The services of the accounts, and which of them a request is for. Used by one thread at a time.
class accounts {
public:
    /// Throws `azkv::error` or `std::runtime_error` if the options contradict each other, or the directory
    /// cannot be used.
    explicit accounts(const emulator_options&);

    service_mode mode() const { return services_.front()->mode(); }

    /// Returns the service of the account that the request names. The first one is returned if there is no
    /// such account; it rejects the request.
    service& serving(const request&);

private:
    service* find(std::string_view name);

    std::vector<std::unique_ptr<service>> services_;
};

} // namespace azkv::emulation
