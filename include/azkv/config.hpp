#pragma once

/// The library is built with hidden visibility; what this marks is its public face.
#define AZKV_DECL [[gnu::visibility("default")]]

#define AZKV_VERSION_MAJOR 0
#define AZKV_VERSION_MINOR 1
#define AZKV_VERSION_PATCH 0
#define AZKV_VERSION_STRING "0.1.0"
