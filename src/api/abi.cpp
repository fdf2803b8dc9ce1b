// The binary interface: what a program with another Boost, or other settings of Asio, cannot link with.
#include <azkv/config.hpp>

namespace azkv::library_compiled_with {

#define AZKV_DEFINE(name, value)                                                                             \
    template <int>                                                                                           \
    void name() {}                                                                                           \
    template void name<(value)>();
AZKV_ABI(AZKV_DEFINE)

} // namespace azkv::library_compiled_with
