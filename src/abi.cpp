// What a program that was compiled with another Boost, or with other settings of Asio, does not link with.
#include <azkv/config.hpp>

namespace azkv::library_compiled_with {

#define AZKV_DEFINE(name, value)                                                                             \
    template <int>                                                                                           \
    void name() {}                                                                                           \
    template void name<(value)>();
AZKV_ABI(AZKV_DEFINE)

} // namespace azkv::library_compiled_with
