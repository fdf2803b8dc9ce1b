#include "fuzz.hpp"
#include "protocol/batch.hpp"
#include "protocol/service_error.hpp"

#include <boost/algorithm/string/replace.hpp>

#include <charconv>
#include <string>

using namespace azkv;
using namespace azkv::protocol;

namespace {

void check_answer(const response& outer, const response& answer, std::size_t operations) {
    if (outer.status != 202 || answer.status == 202) {
        fuzz::require(answer.status == outer.status && answer.body == outer.body
                          && answer.request_id == outer.request_id
                          && (outer.status != 202 || !answer.failed_operation)
                          && answer.failed_operation.value_or(0) < operations,
                      "success, and a refused envelope, stay what they are");
        return;
    }
    fuzz::require(answer.status >= 400, "an operation that failed is a failure");
    fuzz::require(!answer.failed_operation || *answer.failed_operation < operations,
                  "the operation that failed is one of those that were sent");
    fuzz::require(outer.body.find(answer.body) != outer.body.npos, "its body is the service's");
    fuzz::require(!answer.request_id.empty(), "the request can be described");
    classify(answer, read_error(answer));
}

// Azure storage ends lines with CRLF, Cosmos DB with either, proxies with anything.
void check_line_ends(response outer, const std::optional<response>& answer, std::size_t operations) {
    if (outer.body.find("\r\r\n") != outer.body.npos) return; // not a line end of either kind
    boost::algorithm::replace_all(outer.body, "\r\n", "\n");
    const auto other = fuzz::unless_refused([&] { return unwrap_batch(outer, operations); });
    fuzz::require(other.has_value() == answer.has_value(), "line ends do not matter");
    if (!answer) return;
    fuzz::require(other->status == answer->status && other->failed_operation == answer->failed_operation
                      && other->error_code == answer->error_code && other->retry_after == answer->retry_after
                      && other->retry_after_ms == answer->retry_after_ms,
                  "line ends do not change an answer");
}

} // namespace

// `202 3`, the status and the number of operations, then the body.
bool fuzz::check(std::string_view input) {
    const std::string_view line = take_line(input);
    const char* const end = line.data() + line.size();
    response r;
    std::size_t operations = 0;
    const auto [space, ec] = std::from_chars(line.data(), end, r.status);
    if (ec != std::errc{} || space == end || std::from_chars(space + 1, end, operations).ec != std::errc{}
        || operations == 0 || operations > max_batch_operations)
        return false;
    r.request_id = "outer";
    r.body = input;

    const auto answer = unless_refused([&] { return unwrap_batch(r, operations); });
    if (answer) check_answer(r, *answer, operations);
    check_line_ends(r, answer, operations);
    return true;
}
