#include "protocol/connection_string.hpp"

#include "fuzz.hpp"
#include "protocol/endpoint.hpp"
#include "support/ascii.hpp"

#include <boost/algorithm/string/classification.hpp>

#include <algorithm>
#include <string>

using namespace azkv;
using namespace azkv::protocol;

namespace {

constexpr char mark = '\x01';

// The text with marks for the values of some settings, or of all.
template <class Masked>
std::string without(std::string_view text, Masked masks) {
    std::string masked;
    for (bool more = true; more;) {
        const std::string_view pair = text.substr(0, text.find(';'));
        more = pair.size() < text.size();
        const auto equals = std::min(pair.find('='), pair.size());
        const std::string_view name = ascii::trim(pair.substr(0, equals));
        // Without a name all of it may be secret.
        const std::size_t from = !masks(name) ? pair.size() : equals < pair.size() ? equals + 1 : 0;
        masked += pair.substr(0, from);
        for (const char c : pair.substr(from)) {
            const bool counts = ascii::trim({&c, 1}).empty() || c == '"' || c == '\'';
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
        fuzz::require(e.code() == errc::invalid_connection_string,
                      "the error is about the connection string");
        return e.what();
    }
}

void check_settings(std::string_view text, const connection_settings& s) {
    fuzz::require(!s.endpoint.empty(), "there is an endpoint");
    fuzz::require(s.key.empty() != s.sas.empty(), "there is one credential");
    fuzz::require(s.key.empty() || !s.account.empty(), "a key has an account");
    const connection_settings emulator = development_account();
    for (const std::string_view part : {s.key.reveal(), s.sas.reveal(), std::string_view(s.account)})
        fuzz::require(part == emulator.key.reveal() || part == emulator.account
                          || text.find(part) != text.npos,
                      "nothing is made up");
}

// As the store uses the endpoint next.
void check_endpoint(const std::string& url) {
    const auto e = fuzz::unless_refused([&] { return parse_table_endpoint(url); });
    fuzz::require(e.has_value(), "an endpoint that is passed on is valid");
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
    // The table of a signature must not be part of the endpoint as well.
    const bool of_table = input.find("tn") != input.npos || input.find('%') != input.npos;
    const auto is_secret = [&](std::string_view name) {
        return ascii::is_equal(name, "AccountKey")
               || (ascii::is_equal(name, "SharedAccessSignature") && !of_table);
    };
    require(why == complaint(without(input, is_secret)), "the error does not depend on a secret");
    const auto all = [](std::string_view) { return true; };
    require(complaint(without(input, all)).find(mark) == std::string::npos, "no setting's text is repeated");
    if (!why.empty()) return true;
    const connection_settings s = parse_connection_string(input);
    check_settings(input, s);
    check_endpoint(s.endpoint);
    return true;
}
