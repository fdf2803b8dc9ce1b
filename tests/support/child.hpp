#pragma once

#include <functional>
#include <sys/types.h>

namespace azkv::test {

/// To be called in both processes with what `fork` returned. In the child it runs `f`, and ends the process.
/// In the parent: whether `f` returned true there, within half a minute.
bool child_says(pid_t forked, const std::function<bool()>& f);

} // namespace azkv::test
