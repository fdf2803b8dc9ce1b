// Runs checks in the child of a fork.
#pragma once

#include <functional>
#include <sys/types.h>

namespace azkv::test {

/// Call it in both processes with the result of `fork`. In the child it runs `f`, and ends the process.
/// In the parent it returns true if `f` returned true there within half a minute.
bool child_says(pid_t forked, const std::function<bool()>& f);

} // namespace azkv::test
