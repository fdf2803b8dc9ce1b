// All public headers, except <azkv/convert.hpp> (your own types as values) and <azkv/emulator.hpp> (a
// separate library).
#pragma once

#include <azkv/async_generator.hpp>
#include <azkv/blocking_store.hpp>
#include <azkv/config.hpp>
#include <azkv/credential.hpp>
#include <azkv/entry.hpp>
#include <azkv/error.hpp>
#include <azkv/etag.hpp>
#include <azkv/event.hpp>
#include <azkv/filter.hpp>
#include <azkv/identity.hpp>
#include <azkv/options.hpp>
#include <azkv/projection.hpp>
#include <azkv/proxy.hpp>
#include <azkv/sas.hpp>
#include <azkv/secret.hpp>
#include <azkv/store.hpp>
#include <azkv/tls_options.hpp>
#include <azkv/token_credential.hpp>
#include <azkv/value.hpp>
#include <azkv/write_result.hpp>
