#pragma once

#include <azkv/async_generator.hpp>
#include <azkv/blocking_store.hpp>
#include <azkv/config.hpp>
#include <azkv/credential.hpp>
#include <azkv/entry.hpp>
#include <azkv/error.hpp>
#include <azkv/filter.hpp>
#include <azkv/options.hpp>
#include <azkv/projection.hpp>
#include <azkv/sas.hpp>
#include <azkv/store.hpp>
#include <azkv/value.hpp>
