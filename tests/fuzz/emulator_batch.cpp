#include "emulator/batch_format.hpp"
#include "emulator/failure.hpp"
#include "fuzz.hpp"
#include "protocol/batch.hpp"

#include <boost/json/serialize.hpp>

#include <algorithm>
#include <string>

using namespace azkv;
using namespace azkv::emulation;

namespace {

std::optional<batch_request> parse(std::string_view content_type, std::string_view body) {
    try {
        return parse_batch(content_type, body);
    } catch (const failure& f) {
        fuzz::require(f.status() == 400 && std::string_view(f.code()) == "InvalidInput",
                      "what is no batch is an invalid input");
        return std::nullopt;
    }
}

bool same(const request& a, const request& b) {
    return a.method == b.method && a.target == b.target && a.headers == b.headers && a.body == b.body;
}

std::string write_operation(const request& o) {
    std::string text = "Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n"
                       + o.method + ' ' + o.target + " HTTP/1.1\r\n";
    for (const auto& [name, value] : o.headers) text += name + ": " + value + "\r\n";
    return text + "\r\n" + o.body + "\r\n";
}

// A boundary that nothing in the input resembles.
std::string new_boundary(std::string_view input) {
    for (int n = 0;; ++n)
        if (std::string boundary = "batch_" + std::to_string(n); input.find(boundary) == input.npos)
            return boundary;
}

void check_rewritten(const batch_request& batch, const std::string& boundary) {
    const std::string of_changeset = boundary + "_changeset";
    std::string body = "--" + boundary + "\r\n";
    if (batch.is_query) {
        body += write_operation(batch.operations.front());
    } else {
        body += "Content-Type: multipart/mixed; boundary=" + of_changeset + "\r\n\r\n";
        for (const request& o : batch.operations) body += "--" + of_changeset + "\r\n" + write_operation(o);
        body += "--" + of_changeset + "--\r\n";
    }
    body += "--" + boundary + "--\r\n";
    const auto again = parse("multipart/mixed; boundary=" + boundary, body);
    fuzz::require(again && again->is_query == batch.is_query
                      && std::ranges::equal(again->operations, batch.operations, same),
                  "operations are what they were before they were written");
}

protocol::response unwrapped(const std::vector<reply>& answers, bool is_query, service_mode mode,
                             std::size_t operations) {
    protocol::response r;
    r.status = 202;
    r.request_id = "outer";
    r.body = write_batch(answers, is_query, mode, "id").body;
    return protocol::unwrap_batch(std::move(r), operations);
}

// The client reads the responses. Their headers are those of the operations, which may hold any text.
void check_answers(const batch_request& batch, service_mode mode) {
    std::vector<reply> answers;
    for (const request& o : batch.operations) {
        reply& a = answers.emplace_back();
        a.status = 204; // the only success that the client accepts
        a.headers = o.headers;
        if (!o.body.empty()) a.body = boost::json::serialize(boost::json::string_view(o.body));
    }
    const std::size_t n = answers.size();
    fuzz::require(unwrapped(answers, batch.is_query, mode, n).status == 202, "success is read as success");

    reply failed = answers.back();
    failed.status = 409;
    failed.body = R"({"odata.error":{"code":"X","message":{"lang":"en-US","value":")" + std::to_string(n - 1)
                  + R"(:x"}}})";
    const auto r = unwrapped({failed}, batch.is_query, mode, n);
    fuzz::require(r.status == 409 && r.body == failed.body && r.failed_operation == n - 1,
                  "a failure is read as that failure");
}

} // namespace

// The content type, then the body.
bool fuzz::check(std::string_view input) {
    const std::string boundary = new_boundary(input);
    const std::string_view content_type = take_line(input);
    const auto batch = parse(content_type, input);
    if (!batch) return true;
    const auto is_get = [](const request& o) { return o.method == "GET"; };
    require(std::ranges::any_of(batch->operations, is_get) == batch->is_query, "only a query gets");
    if (batch->operations.empty()) return true;
    check_rewritten(*batch, boundary);
    for (const auto mode : {service_mode::storage, service_mode::cosmos}) check_answers(*batch, mode);
    return true;
}
