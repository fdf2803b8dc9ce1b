// Entities and responses that many tests share.
#pragma once

#include "support/http_server.hpp"
#include "support/test_account.hpp"

#include <azkv/value.hpp>

#include <cstddef>
#include <string>

namespace azkv::test {

/// The entity of the key "k", with a property and without.
inline constexpr char entity_text[] = R"({"PartitionKey":"default","RowKey":"k","i":1})";
inline constexpr char empty_entity_text[] = R"({"PartitionKey":"default","RowKey":"k"})";

/// A handler of `http_server` that returns `entity_text` for each request.
http_reply ok_entity(const http_request&);

/// Returns `{"i": i}`.
value numbered(int i);

/// Returns the response to an applied transaction of this many operations.
std::string batch_answer(std::size_t operations);

/// Returns the value of a header of a request as it is sent; fails the test if it has none.
std::string header(const std::string& request, const std::string& name);

} // namespace azkv::test
