#include "emulator/context.hpp"

#include "emulator/failure.hpp"
#include "support/base64.hpp"

#include <boost/algorithm/string/replace.hpp>

#include <algorithm>

namespace azkv::emulation {

storage::table_id context::find_table(const std::string& name) const {
    if (const auto id = db.find_table(name, case_sensitive())) return *id;
    throw failure::missing_table(mode);
}

bool is_insert(const request& r) {
    return r.method == "POST" && !find_header(r.headers, "X-HTTP-Method") && !is_batch(r.target);
}

bool is_of_gateway(unsigned status) {
    return status != 404 && status != 409 && status != 412;
}

metadata level_in(std::string_view accepted) {
    const auto has = [&](std::string_view text) { return accepted.find(text) != accepted.npos; };
    return has("nometadata") ? metadata::none : has("fullmetadata") ? metadata::full : metadata::minimal;
}

metadata read_format(const request& r, const target& t) {
    const std::string* const format = t.parameter("$format");
    std::string accepted = format ? *format : std::string(r.header("Accept"));
    std::erase(accepted, ' ');
    const auto has = [&](std::string_view text) { return accepted.find(text) != accepted.npos; };
    if (!has("application/json"))
        throw failure(415, "AtomFormatNotSupported", "Atom format is not supported.");
    if (has("odata=verbose"))
        throw failure(415, "JsonVerboseFormatNotSupported", "Verbose JSON format is not supported.");
    return level_in(accepted);
}

void require_json(const request& r) {
    const std::string_view type = r.header("Content-Type");
    if (type.starts_with("application/json")) return;
    if (type.empty() || type.starts_with("application/atom+xml"))
        throw failure(415, "AtomFormatNotSupported", "Atom format is not supported.");
    throw failure(415, "MediaTypeNotSupported", "None of the provided media types are supported.");
}

reply json_reply(unsigned status, std::string body, metadata level, service_mode mode) {
    reply answer;
    answer.status = status;
    std::string type = "application/json;odata=";
    type.append(level == metadata::none   ? "nometadata"
                : level == metadata::full ? "fullmetadata"
                                          : "minimalmetadata");
    if (mode == service_mode::storage) type.append(";streaming=true;charset=utf-8");
    answer.headers.emplace_back("Content-Type", std::move(type));
    answer.body = std::move(body);
    return answer;
}

bool prefers_no_content(const request& r, headers& answer) {
    const std::string_view preference = r.header("Prefer");
    const bool none = preference == "return-no-content";
    if (none || preference == "return-content") answer.emplace_back("Preference-Applied", preference);
    return none;
}

void add_location(reply& answer, const context& c, const std::string& segment) {
    answer.headers.emplace_back("Location", c.base_url + segment);
    if (c.mode == service_mode::storage && answer.status == 204)
        answer.headers.emplace_back("DataServiceId", c.base_url + segment);
}

std::string format_timestamp(ticks t, service_mode mode) {
    return format_date_time(t, mode == service_mode::storage ? fraction::trimmed : fraction::seven);
}

std::string etag(ticks timestamp, service_mode mode) {
    return "W/\"datetime'" + boost::algorithm::replace_all_copy(format_timestamp(timestamp, mode), ":", "%3A")
           + "'\"";
}

std::string write_token(std::string_view key) {
    std::string text = support::encode_base64(key);
    std::ranges::replace(text, '=', '-');
    return "1!" + std::to_string(text.size()) + "!" + text;
}

std::string read_token(std::string_view token) {
    const auto text_at = token.rfind('!') + 1;
    std::string text(token.substr(text_at));
    std::ranges::replace(text, '-', '=');
    auto key = support::decode_base64(text);
    if (!key || write_token(*key) != token) throw invalid_input();
    return std::move(*key);
}

} // namespace azkv::emulation
