#pragma once

/// What a shared library exports. All else of it is hidden.
#ifdef AZKV_SHARED
#define AZKV_DECL [[gnu::visibility("default")]]
#else
#define AZKV_DECL
#endif

#define AZKV_VERSION_MAJOR 0
#define AZKV_VERSION_MINOR 1
#define AZKV_VERSION_PATCH 0
#define AZKV_VERSION_STRING "0.1.0"
