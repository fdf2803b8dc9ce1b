#include "emulator/batch_format.hpp"

#include "emulator/failure.hpp"
#include "protocol/lines.hpp"
#include "support/ascii.hpp"
#include "support/whole_number.hpp"

#include <boost/beast/http/rfc7230.hpp>
#include <boost/beast/http/status.hpp>

#include <algorithm>
#include <optional>

namespace azkv::emulation {

namespace http = boost::beast::http;
using protocol::take_line;

namespace {

// Far above the limit of the service, which rejects the 101st operation itself.
constexpr std::size_t max_operations = 1000;
constexpr std::size_t max_headers = 100; // per part

bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

// Returns whether a text is not empty and has no control characters.
bool is_text(std::string_view text) {
    const auto is_control = [](char c) {
        const auto u = static_cast<unsigned char>(c);
        return (u < 0x20 && c != '\t') || u == 0x7F;
    };
    return !text.empty() && std::ranges::none_of(text, is_control);
}

bool is_word(std::string_view text) {
    return is_text(text) && std::ranges::none_of(text, is_blank);
}

std::string_view without_blanks_around(std::string_view text) {
    while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
    while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
    return text;
}

// Removes the headers up to an empty line, or to the end, and returns them.
headers take_headers(std::string_view& text) {
    headers taken;
    while (!text.empty()) {
        const std::string_view line = take_line(text);
        if (line.empty()) break;
        const auto colon = std::min(line.find(':'), line.size());
        const std::string_view name = line.substr(0, colon);
        if (colon == line.size() || !is_word(name) || taken.size() == max_headers) throw invalid_input();
        const std::string_view value = without_blanks_around(line.substr(colon + 1));
        if (!value.empty() && !is_text(value)) throw invalid_input();
        taken.emplace_back(name, value);
    }
    return taken;
}

class media_type {
public:
    std::string_view name;
    std::string boundary;
};

media_type parse_media_type(std::string_view text) {
    const auto end = std::min(text.find(';'), text.size());
    media_type type;
    type.name = without_blanks_around(text.substr(0, end));
    for (const auto& [name, value] : http::param_list(text.substr(end)))
        if (ascii::is_equal(name, "boundary")) type.boundary = value;
    return type;
}

media_type content_type_of(const headers& part) {
    const std::string* const text = find_header(part, "Content-Type");
    return parse_media_type(text ? std::string_view(*text) : std::string_view());
}

// Returns the parts between the boundaries. Ignores the text before the first and after the last.
std::vector<std::string_view> split(std::string_view text, std::string_view boundary) {
    if (boundary.empty()) throw invalid_input();
    std::vector<std::string_view> parts;
    std::optional<std::string_view> part; // from the end of its boundary to the end of the text
    while (!text.empty()) {
        const std::string_view from = text;
        std::string_view line = take_line(text);
        if (!line.starts_with("--") || line.substr(2, boundary.size()) != boundary) continue;
        line.remove_prefix(2 + boundary.size());
        const bool closing = line.starts_with("--");
        if (closing) line.remove_prefix(2);
        if (!std::ranges::all_of(line, is_blank)) continue;

        if (part) {
            std::string_view found = part->substr(0, part->size() - from.size());
            if (found.ends_with('\n')) found.remove_suffix(1); // an empty part has no such line end
            if (found.ends_with('\r')) found.remove_suffix(1);
            if (parts.size() == max_operations) throw invalid_input();
            parts.push_back(found);
        }
        // The final `--` of the last boundary may be missing.
        if (closing || text.empty()) return parts;
        part = text;
    }
    throw invalid_input(); // the rest is missing
}

request parse_operation(std::string_view text) {
    request operation;
    const std::string_view line = take_line(text);
    // An example in the service's documentation has a space in its URL.
    const auto first = line.find(' '), last = line.rfind(' ');
    if (first == line.npos || first == last || line.substr(last + 1) != "HTTP/1.1") throw invalid_input();
    operation.method = line.substr(0, first);
    operation.target = line.substr(first + 1, last - first - 1);
    if (!is_word(operation.method) || !is_text(operation.target)
        || without_blanks_around(operation.target) != operation.target)
        throw invalid_input();
    operation.headers = take_headers(text);
    // The body may be shorter than the part: some clients write more line ends after it.
    const std::string_view length = operation.header("Content-Length");
    const auto size =
        length.empty() ? text.size() : support::whole_number<std::size_t>(length, 0, text.size());
    if (!size || text.find_first_not_of("\r\n", *size) != text.npos) throw invalid_input();
    operation.body = text.substr(0, *size);
    return operation;
}

// Parses a part of type `application/http`.
request parse_operation_part(const headers& part_headers, std::string_view text) {
    const auto type = content_type_of(part_headers);
    if (!ascii::is_equal(type.name, "application/http")) throw invalid_input();
    return parse_operation(text);
}

} // namespace

batch_request parse_batch(std::string_view content_type, std::string_view body) {
    const media_type type = parse_media_type(content_type);
    if (!ascii::is_equal(type.name, "multipart/mixed")) throw invalid_input();
    const auto parts = split(body, type.boundary);
    if (parts.size() != 1) throw invalid_input();

    batch_request batch;
    std::string_view part = parts.front();
    const headers part_headers = take_headers(part);
    const media_type part_type = content_type_of(part_headers);
    batch.is_query = !ascii::is_equal(part_type.name, "multipart/mixed");
    if (batch.is_query) {
        batch.operations.push_back(parse_operation_part(part_headers, part));
    } else {
        for (std::string_view change : split(part, part_type.boundary)) {
            const headers change_headers = take_headers(change);
            batch.operations.push_back(parse_operation_part(change_headers, change));
        }
    }
    const auto is_get = [](const request& o) { return o.method == "GET"; };
    const auto gets = std::ranges::count_if(batch.operations, is_get);
    if (gets != (batch.is_query ? 1 : 0)) throw invalid_input();
    return batch;
}

batch_response write_batch(const std::vector<reply>& parts, bool is_query, service_mode mode,
                           std::string_view id) {
    // Cosmos DB mixes line ends.
    const std::string_view crlf = "\r\n", part_end = mode == service_mode::cosmos ? "\n" : crlf;
    const std::string batch_boundary = "batchresponse_" + std::string(id);
    const std::string changeset_boundary = "changesetresponse_" + std::string(id);
    const std::string_view boundary = is_query ? batch_boundary : changeset_boundary;

    batch_response r;
    r.content_type = "multipart/mixed; boundary=" + batch_boundary;
    const auto write = [&](const auto&... texts) { (r.body.append(texts), ...); };
    if (!is_query) {
        write("--", batch_boundary, crlf);
        write("Content-Type: multipart/mixed; boundary=", changeset_boundary, crlf, crlf);
    }
    for (const reply& answer : parts) {
        write("--", boundary, part_end);
        write("Content-Type: application/http", part_end);
        write("Content-Transfer-Encoding: binary", part_end, part_end);
        const auto reason = http::obsolete_reason(http::int_to_status(answer.status));
        write("HTTP/1.1 ", std::to_string(answer.status), " ", std::string_view(reason), crlf);
        for (const auto& [name, value] : answer.headers) write(name, ": ", value, crlf);
        write(crlf, answer.body, crlf);
    }
    if (!is_query) write("--", changeset_boundary, "--", part_end);
    write("--", batch_boundary, "--", crlf);
    return r;
}

} // namespace azkv::emulation
