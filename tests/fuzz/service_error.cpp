#include "protocol/service_error.hpp"

#include "codec/utf.hpp"
#include "fuzz.hpp"
#include "protocol/message.hpp"

#include <boost/algorithm/string/replace.hpp>
#include <boost/algorithm/string/trim.hpp>
#include <boost/json/serialize.hpp>

#include <charconv>
#include <string>

using namespace azkv;
using namespace azkv::protocol;

namespace {

bool agree(const service_error& a, const service_error& b) {
    return a.code == b.code && a.message == b.message;
}

std::string in_xml(std::string text) {
    boost::algorithm::replace_all(text, "&", "&amp;");
    boost::algorithm::replace_all(text, "<", "&lt;");
    return text;
}

// An error in a form of the service is read as the service wrote it.
void check_forms(response r, const std::string& text) {
    const std::string trimmed = boost::algorithm::trim_copy(text);
    const auto says_text = [&] {
        const service_error e = read_error(r);
        return e.code == (text.empty() ? r.error_code : text) && e.message == trimmed;
    };
    const std::string xml = in_xml(text);
    r.body = "<m:error xmlns:m=\"urn:x\">\n<m:code>" + xml + "</m:code>\n<m:message xml:lang=\"en-US\">" + xml
             + "</m:message></m:error>";
    fuzz::require(says_text(), "an error in XML is read as it was written");
    if (codec::utf16_length(text) == std::string_view::npos) return;
    const std::string json = boost::json::serialize(boost::json::string_view(text));
    r.body = R"({"odata.error":{"code":)" + json + R"(,"message":{"lang":"en-US","value":)" + json + "}}}";
    fuzz::require(says_text(), "an error in JSON is read as it was written");
}

void check_class(const response& r, const service_error& e) {
    const errc meaning = classify(r, e);
    fuzz::require(!make_error_code(meaning).message().empty(), "a class has a description");
    fuzz::require(r.status >= 400 || meaning == errc::bad_response,
                  "a success is not a failure of the service");
    const bool of_data = r.status == 404 || r.status == 409 || r.status == 412;
    fuzz::require(meaning != errc::bad_response || r.status < 400 || (of_data && !e.own_words),
                  "a failure is one, whoever's it is, unless it tells of the data");
    const bool tells =
        meaning == errc::not_found || meaning == errc::conflict || meaning == errc::precondition_failed;
    fuzz::require(!tells || e.own_words, "only the service reports data errors");
    fuzz::require(meaning != errc::server_error || (r.status >= 500 && r.status < 600),
                  "only a server's errors are the server's");
    service_error silent = e;
    silent.message.clear();
    fuzz::require(classify(r, silent) == meaning, "the class does not depend on the message");
}

} // namespace

// `404 CodeInTheHeader`, then the body.
bool fuzz::check(std::string_view input) {
    const std::string_view line = take_line(input);
    response r;
    std::from_chars(line.data(), line.data() + line.size(), r.status);
    if (const auto space = line.find(' '); space != line.npos) r.error_code = line.substr(space + 1);
    r.body = input;

    const service_error e = read_error(r);
    require(e.code.size() + e.message.size() <= r.body.size() + r.error_code.size(),
            "the message is part of the response");
    require(boost::algorithm::trim_copy(e.message) == e.message, "no white space around the message");
    check_class(r, e);

    response marked = r;
    marked.body.insert(0, "\xEF\xBB\xBF\r\n");
    require(agree(read_error(marked), e), "a byte order mark changes nothing");
    if (input.size() <= 4096) check_forms(r, std::string(input)); // escaped, far below the limit
    return true;
}
