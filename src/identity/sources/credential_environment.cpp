#include "identity/sources/credential_environment.hpp"

#include "support/ascii.hpp"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <cstdlib>
#include <utility>

namespace azkv::identity {

std::optional<std::string> process_variable(const char* name) {
    const char* const text = std::getenv(name);
    return text && *text ? std::optional<std::string>(text) : std::nullopt;
}

asio::awaitable<void> pause_for(std::chrono::milliseconds time) {
    asio::steady_timer timer(co_await asio::this_coro::executor, time);
    co_await timer.async_wait(asio::use_awaitable);
}

std::string credential_environment::variable_or_empty(const char* name) const {
    return variable(name).value_or(std::string());
}

secret credential_environment::secret_variable(const char* name) const {
    std::optional<std::string> text = variable(name);
    return text ? secret(std::move(*text)) : secret(); // wipes `text`
}

bool credential_environment::is_switched_on(const char* name) const {
    const std::string text = variable_or_empty(name);
    return text == "1" || ascii::is_equal(text, "true");
}

std::string credential_environment::missing_variables(std::initializer_list<const char*> names) const {
    std::string missing;
    for (const char* name : names) {
        if (!variable_or_empty(name).empty()) continue;
        if (!missing.empty()) missing += ", ";
        missing += name;
    }
    return missing;
}

} // namespace azkv::identity
