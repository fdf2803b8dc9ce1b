#include "codec/utf.hpp"
#include "fuzz.hpp"
#include "identity/tokens/token_response.hpp"

#include <boost/json/serialize.hpp>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <string>

using namespace azkv;
using namespace azkv::identity;
using std::chrono::seconds;

namespace {

const wall_time asked{seconds(1'767'323'045)};
const wall_time last{seconds(7'258'118'400)}; // the last that is read
constexpr std::string_view malformed = "malformed token response: ";

protocol::response answer(std::string_view line, std::string body) {
    protocol::response r;
    std::from_chars(line.data(), line.data() + line.size(), r.status);
    r.body = std::move(body);
    return r;
}

bool is_visible(char c) {
    return c > 0x20 && c < 0x7F;
}

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

std::optional<access_token> read(const std::string& body) {
    boost::system::error_code why;
    const auto t = fuzz::unless_refused(
        [&] {
            try {
                return read_token(answer("200", body), asked);
            } catch (const error& e) {
                const std::string_view what = e.what();
                const auto is = [&](std::string_view reason) {
                    return what.starts_with(malformed) && what.substr(malformed.size()) == reason;
                };
                fuzz::require(is("it is not a JSON object") || is("it has no access_token")
                                  || is("it does not say when the token expires")
                                  || is("its access_token has a character that is not visible ASCII"),
                              "a complaint repeats nothing");
                throw;
            }
        },
        &why);
    fuzz::require(t || why == errc::bad_response, "the error is about the response");
    return t;
}

void check_token(const std::string& body) {
    const auto t = read(body);
    if (!t) return;
    fuzz::require(!t->token().empty() && std::ranges::all_of(t->token().reveal(), is_visible),
                  "a token can be sent");
    fuzz::require(t->token().reveal().size() <= body.size(), "nothing is made up");
    fuzz::require(t->expires_on() >= wall_time() && t->expires_on() <= last,
                  "a time that can be reckoned with");
    fuzz::require(!t->refresh_on() || (*t->refresh_on() >= asked || *t->refresh_on() == t->expires_on()),
                  "no refresh before the token was asked for");
    fuzz::require(!t->refresh_on() || *t->refresh_on() <= t->expires_on(), "a refresh comes in time");
}

// Of a response, an error repeats only the number and the words that the protocol defines.
void check_refusal(const protocol::response& r) {
    const token_error said = read_token_error(r);
    fuzz::require(said.error.size() + said.description.size() <= r.body.size(), "nothing is made up");
    try {
        throw_token_error(r, "A");
    } catch (const error& e) {
        fuzz::require(e.status() == static_cast<int>(r.status), "the status is told");
        const std::string begin = "A returned no token (HTTP " + std::to_string(r.status);
        std::string_view rest = e.what();
        fuzz::require(rest.starts_with(begin) && rest.ends_with(')'), "a refusal says whose it is");
        rest.remove_prefix(begin.size());
        rest.remove_suffix(1);
        while (!rest.empty()) {
            fuzz::require(rest.starts_with(", "), "a list");
            rest.remove_prefix(2);
            const std::string_view word = rest.substr(0, rest.find(','));
            rest.remove_prefix(word.size());
            constexpr std::string_view aadsts = "AADSTS";
            const bool number = word.starts_with(aadsts) && word.size() <= 14
                                && std::ranges::all_of(word.substr(aadsts.size()), is_digit);
            const bool known = word.starts_with("invalid_") || word.ends_with("_required")
                               || word.starts_with("unsupported_") || word == "access_denied"
                               || word == "server_error" || word == "temporarily_unavailable"
                               || word == "unauthorized_client";
            fuzz::require(number || (known && word.size() <= 25), "no text of the answer's own");
        }
    }
}

void check_expiry(std::string_view text) {
    const auto at = parse_expiry(text);
    if (!at) return;
    fuzz::require(*at >= wall_time() && *at <= last, "a time that can be reckoned with");
    const auto n = std::chrono::floor<seconds>(at->time_since_epoch()).count();
    fuzz::require(parse_expiry(std::to_string(n)) == at, "a time is its number of seconds");
    fuzz::require(parse_expiry("/Date(" + std::to_string(n * 1000) + ")/") == at, "and of milliseconds");
}

// For any text, the parsed token or time is the one it denotes.
void check_members(std::string_view text) {
    if (codec::utf16_length(text) == std::string_view::npos) return;
    const std::string json = boost::json::serialize(boost::json::string_view(text));
    const auto t = read("{\"expires_in\":1,\"access_token\":" + json + '}');
    const bool sound = !text.empty() && std::ranges::all_of(text, is_visible);
    fuzz::require(t.has_value() == sound, "a token is of characters that can be sent");
    fuzz::require(!t || t->token().reveal() == text, "a token is read as it was written");
    const auto timed = read("{\"access_token\":\"a\",\"expires_on\":" + json + '}');
    const auto at = parse_expiry(text);
    fuzz::require(timed.has_value() == at.has_value() && (!at || timed->expires_on() == *at),
                  "a time is read as it was written");
}

} // namespace

// `401`, then the body.
bool fuzz::check(std::string_view input) {
    const std::string_view line = take_line(input);
    const std::string body(input);
    check_token(body);
    check_refusal(answer(line, body));
    check_expiry(line);
    check_expiry(input);
    check_members(line);
    check_members(input);
    return true;
}
