// The multipart format of batches.
#pragma once

#include "emulator/message.hpp"

#include <azkv/value.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace azkv::emulation {

/// The body of a `$batch`.
/// (https://learn.microsoft.com/rest/api/storageservices/performing-entity-group-transactions)
class batch_request {
public:
    bool is_query = false;           // one GET outside a changeset
    std::vector<request> operations; // none in an empty changeset
};

/// Parses the body of a request with that content type. Lines end in CRLF or LF. Throws `failure`
/// (400 InvalidInput) if the body is not a batch: no or an unknown boundary, more than one changeset, a GET
/// in a changeset or another method outside one, a part that is not an HTTP request.
batch_request parse_batch(std::string_view content_type, std::string_view body);

/// The response to a batch. Its body has the line ends that the service uses.
class batch_response {
public:
    std::string content_type;
    std::string body;
};

/// `id` is a GUID, for the boundaries.
batch_response write_batch(const std::vector<reply>& parts, bool is_query, service_mode, std::string_view id);

} // namespace azkv::emulation
