// Entity group transactions.
#pragma once

#include "emulator/context.hpp"
#include "emulator/failure.hpp"

#include <functional>
#include <string>
#include <string_view>

namespace azkv::emulation {

/// Converts the failure of a request to a response; provided by the service.
using error_writer = std::function<reply(const request&, const failure&)>;

/// Returns the method of a request, taking `X-HTTP-Method` into account. Throws `failure`.
std::string effective_method(const request&, service_mode);

/// Executes all operations of a batch, or none. Throws `failure` if the request is not a batch; the response
/// contains the failure of an operation. `id` is a GUID.
reply run_batch(const context&, const request&, const error_writer&, std::string_view id);

/// Returns the response of a service that is too busy for a batch.
reply batch_refusal(const reply& error, service_mode, std::string_view id);

} // namespace azkv::emulation
