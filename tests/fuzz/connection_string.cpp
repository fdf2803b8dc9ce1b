#include "protocol/connection_string.hpp"

#include "fuzz.hpp"
#include "protocol/endpoint.hpp"

#include <boost/algorithm/string/classification.hpp>
#include <boost/algorithm/string/predicate.hpp>
#include <boost/algorithm/string/trim.hpp>

#include <algorithm>
#include <string>

using namespace azkv;
using namespace azkv::protocol;

namespace {

constexpr char mark = '\x01';

// The text with marks for every setting's text but those that decide what the string means.
std::string without_secrets(std::string_view text) {
    std::string masked;
    for (bool more = true; more;) {
        const std::string_view pair = text.substr(0, text.find(';'));
        more = pair.size() < text.size();
        const auto name = boost::algorithm::trim_copy(pair.substr(0, pair.find('=')));
        const bool open = std::ranges::any_of(
            std::initializer_list<std::string_view>{"AccountName", "DefaultEndpointsProtocol",
                                                    "UseDevelopmentStorage", "DevelopmentStorageProxyUri"},
            [&](std::string_view known) { return boost::algorithm::iequals(name, known); });
        const auto secret = open ? pair.size() : pair.find('=') + 1; // npos + 1 is 0: it may all be secret
        masked += pair.substr(0, secret);
        for (const char c : pair.substr(secret)) {
            const bool counts = boost::algorithm::is_space()(c) || c == '"' || c == '\'';
            masked += counts ? c : mark;
        }
        if (more) masked += ';';
        text.remove_prefix(pair.size() + more);
    }
    return masked;
}

std::string complaint(std::string_view text) {
    try {
        parse_connection_string(text);
        return {};
    } catch (const error& e) {
        fuzz::require(e.code() == errc::invalid_connection_string, "the connection string is what is wrong");
        return e.what();
    }
}

void check_settings(std::string_view text, const connection_settings& s) {
    fuzz::require(!s.endpoint.empty(), "there is an endpoint");
    fuzz::require(s.key.empty() != s.sas.empty(), "there is one credential");
    fuzz::require(s.key.empty() || !s.account.empty(), "a key has an account");
    const connection_settings emulator = development_account();
    for (const std::string& part : {s.key, s.sas, s.account})
        fuzz::require(part == emulator.key || part == emulator.account || text.find(part) != text.npos,
                      "nothing is made up");
}

// What the store does with the endpoint next.
void check_endpoint(const std::string& url) {
    const auto e = fuzz::unless_refused([&] { return parse_endpoint(url); });
    if (!e) return;
    fuzz::require(!e->at.host.empty() && !e->at.port.empty()
                      && std::ranges::all_of(e->at.port, boost::algorithm::is_digit()),
                  "there is somewhere to connect to");
    deduce_mode(*e);
    is_loopback(*e);
    const auto again = fuzz::unless_refused([&] { return parse_endpoint(e->url()); });
    fuzz::require(again && again->at == e->at && again->host_header == e->host_header,
                  "an endpoint's URL is that endpoint's");
}

} // namespace

bool fuzz::check(std::string_view input) {
    const std::string why = complaint(input);
    const std::string masked = complaint(without_secrets(input));
    require(why == masked, "what is wrong does not depend on a secret");
    require(masked.find(mark) == masked.npos, "no secret is repeated");
    if (!why.empty()) return true;
    const connection_settings s = parse_connection_string(input);
    check_settings(input, s);
    check_endpoint(s.endpoint);
    return true;
}
