#pragma once

#include <boost/asio/detail/config.hpp>
#include <boost/version.hpp>

/// Marks what a shared library exports. Everything else in it is hidden.
#ifdef AZKV_SHARED
#define AZKV_DECL [[gnu::visibility("default")]]
#else
#define AZKV_DECL
#endif

#define AZKV_VERSION_MAJOR 0
#define AZKV_VERSION_MINOR 1
#define AZKV_VERSION_PATCH 0
#define AZKV_VERSION_STRING "0.1.0"

// A program shares inline code and Asio objects with the library, so both must be compiled with the same
// Boost and the same Asio settings. Every translation unit refers to functions that only a matching library
// defines. It does not link with any other, and the linker names the setting that differs:
//
//     undefined reference to `void azkv::library_compiled_with::asio_handler_tracking<1>()'
//
// The settings below change the layout of objects, or who allocates and who frees them. A setting that only
// adds or removes names, such as BOOST_ASIO_NO_DEPRECATED, may differ.
// clang-format off
#define AZKV_ABI(setting)                                                                                    \
    setting(asio_awaitable_frame_recycling,                                                                  \
            !AZKV_IS_DEFINED(BOOST_ASIO_DISABLE_AWAITABLE_FRAME_RECYCLING))                                  \
    setting(asio_buffer_debugging, AZKV_IS_DEFINED(BOOST_ASIO_ENABLE_BUFFER_DEBUGGING)                       \
            || AZKV_IS_DEFINED(_GLIBCXX_DEBUG))                                                              \
    setting(asio_epoll, AZKV_IS_DEFINED(BOOST_ASIO_HAS_EPOLL))                                               \
    setting(asio_eventfd, AZKV_IS_DEFINED(BOOST_ASIO_HAS_EVENTFD))                                           \
    setting(asio_exceptions, !AZKV_IS_DEFINED(BOOST_ASIO_NO_EXCEPTIONS))                                     \
    setting(asio_handler_tracking, AZKV_IS_DEFINED(BOOST_ASIO_ENABLE_HANDLER_TRACKING)                       \
            || AZKV_IS_DEFINED(BOOST_ASIO_CUSTOM_HANDLER_TRACKING))                                          \
    setting(asio_io_uring, AZKV_IS_DEFINED(BOOST_ASIO_HAS_IO_URING))                                         \
    setting(asio_io_uring_as_default, AZKV_IS_DEFINED(BOOST_ASIO_HAS_IO_URING_AS_DEFAULT))                   \
    setting(asio_recycling_allocator_cache_size, AZKV_ASIO_CACHE_SIZE)                                       \
    setting(asio_small_block_recycling, !AZKV_IS_DEFINED(BOOST_ASIO_DISABLE_SMALL_BLOCK_RECYCLING))          \
    setting(asio_std_atomic, !AZKV_IS_DEFINED(BOOST_ASIO_DISABLE_STD_ATOMIC))                                \
    setting(asio_std_shared_ptr, !AZKV_IS_DEFINED(BOOST_ASIO_DISABLE_STD_SHARED_PTR))                        \
    setting(asio_thread_keyword, !AZKV_IS_DEFINED(BOOST_ASIO_DISABLE_THREAD_KEYWORD_EXTENSION))              \
    setting(asio_threads, AZKV_IS_DEFINED(BOOST_ASIO_HAS_THREADS))                                           \
    setting(asio_ts_executor_as_default, AZKV_IS_DEFINED(BOOST_ASIO_USE_TS_EXECUTOR_AS_DEFAULT))             \
    setting(asio_typeid, !AZKV_IS_DEFINED(BOOST_ASIO_NO_TYPEID))                                             \
    setting(boost_version, BOOST_VERSION)                                                                    \
    setting(libstdcxx_debug_mode, AZKV_IS_DEFINED(_GLIBCXX_DEBUG))
// clang-format on

#ifdef BOOST_ASIO_RECYCLING_ALLOCATOR_CACHE_SIZE
#define AZKV_ASIO_CACHE_SIZE BOOST_ASIO_RECYCLING_ALLOCATOR_CACHE_SIZE
#else
#define AZKV_ASIO_CACHE_SIZE 2 // Asio's default, from a header that may not be included yet
#endif

// A macro is defined if it expands to anything other than its name.
#define AZKV_IS_DEFINED(macro) (__builtin_strcmp(#macro, AZKV_TEXT(macro)) != 0)
#define AZKV_TEXT(...) #__VA_ARGS__

namespace azkv::library_compiled_with {

#define AZKV_DECLARE(name, value)                                                                            \
    template <int>                                                                                           \
    AZKV_DECL void name();
AZKV_ABI(AZKV_DECLARE)
#undef AZKV_DECLARE

// Never called: exists only for its references.
[[gnu::used, gnu::retain]] static void refer() {
#define AZKV_REFER(name, value) name<(value)>();
    AZKV_ABI(AZKV_REFER)
#undef AZKV_REFER
}

} // namespace azkv::library_compiled_with
