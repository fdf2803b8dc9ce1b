#include "protocol/batch.hpp"

#include "protocol/lines.hpp"
#include "protocol/service_error.hpp"

#include <azkv/error.hpp>

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

namespace azkv::protocol {

namespace {

constexpr std::string_view operation_head = "Content-Type: application/http\r\n"
                                            "Content-Transfer-Encoding: binary\r\n"
                                            "\r\n"
                                            "PUT ";
constexpr std::string_view operation_headers = " HTTP/1.1\r\n"
                                               "Content-Type: application/json\r\n"
                                               "Accept: application/json;odata=minimalmetadata\r\n"
                                               "DataServiceVersion: 3.0\r\n"
                                               "\r\n";

// The parts of a multipart answer. The boundaries are passed over: an operation's answer begins at its status
// line and its body, JSON on one line, ends before the next boundary. Not more than `limit` of them: a part
// takes more memory than its text.
std::vector<response> split(std::string_view text, std::size_t limit) {
    constexpr std::string_view status_line = "HTTP/1.1 ";
    std::vector<response> parts;
    while (!text.empty() && parts.size() < limit) {
        const std::string_view line = take_line(text);
        if (!line.starts_with(status_line)) continue;
        response& part = parts.emplace_back();
        const auto digits = line.substr(status_line.size());
        std::from_chars(digits.data(), digits.data() + digits.size(), part.status);
        while (!text.empty()) {
            const std::string_view header = take_line(text);
            if (header.empty()) break;
            const auto colon = std::min(header.find(':'), header.size());
            std::string_view value = header.substr(std::min(colon + 1, header.size()));
            while (value.starts_with(' ')) value.remove_prefix(1);
            part.keep_header(header.substr(0, colon), value);
        }
        std::string_view body = text.substr(0, text.starts_with("--") ? 0 : text.find("\n--"));
        text.remove_prefix(body.size()); // no part begins in it: that many copies would outgrow the memory
        if (body.ends_with('\r')) body.remove_suffix(1);
        part.body = body;
    }
    return parts;
}

// The failing operation stands before the first colon of the message. The service leaves it out for the first
// one; but what is nobody's fault, such as throttling, has none.
std::optional<std::size_t> failed_operation(const response& part, std::size_t operations) {
    const std::string message = read_error(part).message;
    const auto digits = std::string_view(message).substr(0, message.find(':'));
    const char* const end = digits.data() + digits.size();
    std::size_t index = 0;
    const auto result = std::from_chars(digits.data(), end, index);
    const bool given = result.ec == std::errc{} && result.ptr == end;
    const bool somebodys_fault =
        part.status >= 400 && part.status < 500 && part.status != 408 && part.status != 429;
    if (!given && !somebodys_fault) return std::nullopt;
    if (!given) return 0;
    return index < operations ? std::optional(index) : std::nullopt;
}

} // namespace

batch_builder::batch_builder(const endpoint& at, std::string id) : base_url_(at.url()), id_(std::move(id)) {
    body_ = "--batch_" + id_ + "\r\nContent-Type: multipart/mixed; boundary=changeset_" + id_ + "\r\n\r\n";
}

std::size_t batch_builder::size_with(std::string_view path, std::string_view entity) const {
    constexpr std::size_t changeset = sizeof "--changeset_\r\n" - 1;
    constexpr std::size_t closing = sizeof "--changeset_--\r\n--batch_--\r\n" - 1;
    return body_.size() + changeset + id_.size() + operation_head.size() + base_url_.size() + path.size()
           + operation_headers.size() + entity.size() + 2 + closing + 2 * id_.size();
}

void batch_builder::add(std::string_view path, std::string_view entity) {
    body_.append("--changeset_").append(id_).append("\r\n");
    body_.append(operation_head).append(base_url_).append(path).append(operation_headers);
    body_.append(entity).append("\r\n");
    ++operations_;
}

request batch_builder::release() {
    request r;
    r.name = "batch";
    r.method = "POST";
    r.path = "/$batch";
    r.content_type = "multipart/mixed; boundary=batch_" + id_;
    r.changes_entities = true;
    r.batch_size = operations_;
    body_.append("--changeset_").append(id_).append("--\r\n--batch_").append(id_).append("--\r\n");
    r.body = std::move(body_);
    return r;
}

response unwrap_batch(response r, std::size_t operations) {
    if (r.status != 202) return r; // the envelope itself was refused
    std::vector<response> parts = split(r.body, operations + 1);
    std::size_t succeeded = 0;
    for (const response& part : parts) succeeded += part.ok();
    if (succeeded == parts.size() && parts.size() == operations) return r;
    if (parts.size() != 1 || succeeded != 0)
        throw error(errc::bad_response,
                    "the answer to a batch of " + std::to_string(operations) + " operations tells of "
                        + (parts.size() > operations ? "more" : std::to_string(parts.size())));
    response& part = parts.front();
    part.failed_operation = failed_operation(part, operations);
    if (part.request_id.empty()) part.request_id = r.request_id;
    return std::move(part);
}

} // namespace azkv::protocol
