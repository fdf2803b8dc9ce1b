// The lines of the log of requests. No I/O, no clock.
#pragma once

#include "emulator/fault_view.hpp"
#include "emulator/message.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace azkv::emulation {

/// What a line of the log tells.
class log_entry {
public:
    std::chrono::system_clock::time_point time;
    std::string_view address;          // of the client
    const request* asked = nullptr;    // null: it was not read, or was not valid HTTP
    unsigned status = 0;               // 0: no response
    std::chrono::microseconds took{0}; // until the response was ready
    std::optional<fault_kind> fault;   // that it met
};

/// Returns `2026-01-02T03:04:05.678Z 127.0.0.1 GET /acct/T()?$top=1 200 0.41ms`, and after it the fault, if
/// there was one. A dash stands for what is not known. See `safe_target` for the third column.
std::string write_line(const log_entry&);

/// Returns a request target without secrets: with the path and those parameters that select or page. Three
/// dots stand for the others, such as those of a shared access signature.
std::string safe_target(std::string_view target);

} // namespace azkv::emulation
