#include "protocol/batch.hpp"

#include "protocol/lines.hpp"

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

/// The response to one operation in a multipart response.
class part {
public:
    bool succeeded() const { return status == 204; } // only upserts are sent

    response unwrap() const {
        response r;
        r.status = status;
        for (std::string_view rest = headers; !rest.empty();) {
            const std::string_view header = take_line(rest);
            const auto colon = std::min(header.find(':'), header.size());
            std::string_view value = header.substr(std::min(colon + 1, header.size()));
            while (value.starts_with(' ')) value.remove_prefix(1);
            r.keep_header(header.substr(0, colon), value);
        }
        r.body = body;
        return r;
    }

    unsigned status = 0;
    std::string_view headers; // lines
    std::string_view body;
};

// Takes the next part. Skips boundaries: the response to an operation begins at its status line, and its
// body, JSON on one line, ends before the next boundary.
std::optional<part> take_part(std::string_view& text) {
    constexpr std::string_view status_line = "HTTP/1.1 ";
    while (!text.empty()) {
        const std::string_view line = take_line(text);
        if (!line.starts_with(status_line)) continue;
        part p;
        const auto digits = line.substr(status_line.size());
        std::from_chars(digits.data(), digits.data() + digits.size(), p.status);
        const std::string_view head = text;
        std::size_t end = 0; // of the headers
        while (!take_line(text).empty()) end = head.size() - text.size();
        p.headers = head.substr(0, end);
        p.body = text.substr(0, text.starts_with("--") ? 0 : text.find("\n--"));
        text.remove_prefix(p.body.size()); // no part begins in it
        if (p.body.ends_with('\r')) p.body.remove_suffix(1);
        return p;
    }
    return std::nullopt;
}

// Returns the number before the first colon of the service's message: the index of the failed operation.
std::optional<std::size_t> index_in_message(const response& r) {
    const std::string_view message = r.error().message;
    const auto digits = message.substr(0, message.find(':'));
    const char* const end = digits.data() + digits.size();
    std::size_t index = 0;
    const auto result = std::from_chars(digits.data(), end, index);
    return result.ec == std::errc{} && result.ptr == end ? std::optional(index) : std::nullopt;
}

// `in_part`: the failure of one operation, not of the whole batch. In that case the service omits the index
// of the first operation. A failure that no operation caused, such as throttling, has no index.
std::optional<std::size_t> failed_operation(const response& r, std::size_t operations, bool in_part) {
    const std::optional<std::size_t> index = index_in_message(r);
    if (index) return *index < operations ? index : std::nullopt;
    const bool caused = r.status >= 400 && r.status < 500 && r.status != 408 && r.status != 429;
    return in_part && caused ? std::optional<std::size_t>(0) : std::nullopt;
}

} // namespace

batch_builder::batch_builder(const endpoint& at, std::string id) : id_(std::move(id)) {
    body_ = "--batch_" + id_ + "\r\nContent-Type: multipart/mixed; boundary=changeset_" + id_ + "\r\n\r\n";
    head_ = "--changeset_" + id_ + "\r\n";
    head_.append(operation_head).append(at.url());
}

std::size_t batch_builder::size() const {
    constexpr std::size_t closing = sizeof "--changeset_--\r\n--batch_--\r\n" - 1;
    return body_.size() + closing + 2 * id_.size();
}

std::size_t batch_builder::operation_size(std::size_t text) const {
    return head_.size() + operation_headers.size() + text + 2;
}

void batch_builder::reserve(std::size_t size) {
    body_.reserve(size);
}

void batch_builder::add(std::string_view path, std::string_view entity) {
    body_.append(head_).append(path).append(operation_headers).append(entity).append("\r\n");
    ++operations_;
}

request batch_builder::release() {
    request r;
    r.name = "batch";
    r.method = "POST";
    r.path = "/$batch";
    r.content_type = "multipart/mixed; boundary=batch_" + id_;
    r.success = success_statuses(202);
    r.effect = effect::changes_entities;
    r.idempotency = idempotency::idempotent; // upserts
    r.batch_size = operations_;
    body_.append("--changeset_").append(id_).append("--\r\n--batch_").append(id_).append("--\r\n");
    r.body = std::move(body_);
    return r;
}

response unwrap_batch(response r, std::size_t operations) {
    if (r.status != 202) { // rejected as a whole
        r.failed_operation = failed_operation(r, operations, false);
        return r;
    }
    std::string_view rest = r.body;
    std::optional<part> first;
    std::size_t parts = 0, succeeded = 0;
    while (parts <= operations) { // further parts need not be counted
        const std::optional<part> p = take_part(rest);
        if (!p) break;
        if (!first) first = p;
        ++parts;
        succeeded += p->succeeded();
    }
    if (succeeded == parts && parts == operations) return r;
    const bool one_failed = parts == 1 && first->status >= 400 && first->status < 600;
    if (!one_failed)
        throw error(errc::bad_response, "the response to a batch of " + std::to_string(operations)
                                            + " operations has " + std::to_string(parts)
                                            + (parts > operations ? " or more" : "") + " valid parts, "
                                            + std::to_string(succeeded) + " of them successful");
    response failure = first->unwrap();
    failure.failed_operation = failed_operation(failure, operations, true);
    if (failure.request_id.empty()) failure.request_id = std::move(r.request_id);
    if (failure.date.empty()) failure.date = std::move(r.date);
    return failure;
}

} // namespace azkv::protocol
