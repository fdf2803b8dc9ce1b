#pragma once

#include "emulator/context.hpp"
#include "emulator/failure.hpp"

#include <functional>
#include <string>
#include <string_view>

namespace azkv::emulation {

/// How a refusal looks as an answer; the service knows.
using error_writer = std::function<reply(const failure&)>;

/// The method that is meant, by `X-HTTP-Method`. Throws `failure`.
std::string effective_method(const request&, service_mode);

/// Does all operations of a batch, or none. Throws `failure` for what is no batch; the refusal of an
/// operation stands in the answer. `id` is a guid.
reply run_batch(const context&, const request&, const error_writer&, std::string_view id);

/// The answer to a batch that a service gives which is too busy for it.
reply batch_refusal(const reply& error, service_mode, std::string_view id);

} // namespace azkv::emulation
