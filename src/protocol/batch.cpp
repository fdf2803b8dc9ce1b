#include "protocol/batch.hpp"

#include "protocol/service_error.hpp"

#include <azkv/error.hpp>

#include <boost/algorithm/string/predicate.hpp>

#include <charconv>
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

/// One operation's answer.
class part {
public:
    part() {}

    unsigned status = 0;
    std::string content_type;
    std::string_view body;
};

// Takes the next line. Cosmos DB mixes LF and CRLF within one body.
std::string_view take_line(std::string_view& text) {
    const auto end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
}

// The parts of a multipart answer. The boundaries are passed over: an operation's answer begins at its status
// line and its body, JSON on one line, ends before the next boundary.
std::vector<part> split(std::string_view text) {
    constexpr std::string_view status_line = "HTTP/1.1 ";
    std::vector<part> parts;
    while (!text.empty()) {
        const std::string_view line = take_line(text);
        if (!line.starts_with(status_line)) continue;
        part p;
        const auto digits = line.substr(status_line.size());
        std::from_chars(digits.data(), digits.data() + digits.size(), p.status);
        while (!text.empty()) {
            const std::string_view header = take_line(text);
            if (header.empty()) break;
            constexpr std::string_view content_type = "content-type:";
            if (boost::algorithm::istarts_with(header, content_type)) {
                std::string_view type = header.substr(content_type.size());
                while (type.starts_with(' ')) type.remove_prefix(1);
                p.content_type = type;
            }
        }
        p.body = text.substr(0, text.find("\n--"));
        if (p.body.ends_with('\r')) p.body.remove_suffix(1);
        parts.push_back(std::move(p));
    }
    return parts;
}

// The failing operation stands before the first colon of the message; the service leaves it out for the
// first one.
std::size_t failed_operation(std::string_view message) {
    const auto digits = message.substr(0, message.find(':'));
    std::size_t index = 0;
    const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), index);
    return result.ec == std::errc{} && result.ptr == digits.data() + digits.size() ? index : 0;
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
    r.method = "POST";
    r.path = "/$batch";
    r.content_type = "multipart/mixed; boundary=batch_" + id_;
    r.batch_size = operations_;
    body_.append("--changeset_").append(id_).append("--\r\n--batch_").append(id_).append("--\r\n");
    r.body = std::move(body_);
    return r;
}

response unwrap_batch(response r, std::size_t operations) {
    if (r.status != 202) return r; // the envelope itself was refused
    const std::vector<part> parts = split(r.body);
    std::size_t succeeded = 0;
    for (const part& p : parts) succeeded += p.status >= 200 && p.status < 300;
    if (succeeded == parts.size() && parts.size() == operations) return r;
    if (parts.size() != 1 || succeeded != 0)
        throw error(errc::bad_response, "the answer to a batch of " + std::to_string(operations)
                                            + " operations tells of " + std::to_string(parts.size()));
    response inner = r;
    inner.status = parts.front().status;
    inner.content_type = parts.front().content_type;
    inner.error_code.clear();
    inner.body = std::string(parts.front().body);
    const std::size_t index = failed_operation(read_error(inner).message);
    if (index < operations) inner.failed_operation = index;
    return inner;
}

} // namespace azkv::protocol
