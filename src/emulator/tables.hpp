// Operations on tables.
#pragma once

#include "emulator/context.hpp"

namespace azkv::emulation {

// All functions throw `failure`.

reply query_tables(const context&, const request&, const target&);
reply get_table(const context&, const request&, const target&);
reply create_table(const context&, const request&, const target&);
reply delete_table(const context&, const target&);

} // namespace azkv::emulation
