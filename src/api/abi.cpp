// The binary interface check: defines the functions that a program compiled with another Boost, or with other
// Asio settings, cannot link with.
#include <azkv/config.hpp>

namespace azkv::library_compiled_with {

#define AZKV_DEFINE(name, value)                                                                             \
    template <int>                                                                                           \
    void name() {}                                                                                           \
    template void name<(value)>();
AZKV_ABI(AZKV_DEFINE)

} // namespace azkv::library_compiled_with
