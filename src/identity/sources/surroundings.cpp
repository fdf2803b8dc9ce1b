#include "identity/sources/surroundings.hpp"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <cstdlib>

namespace azkv::identity {

std::optional<std::string> process_variable(const char* name) {
    const char* const text = std::getenv(name);
    return text && *text ? std::optional<std::string>(text) : std::nullopt;
}

asio::awaitable<void> pause_for(std::chrono::milliseconds time) {
    asio::steady_timer timer(co_await asio::this_coro::executor, time);
    co_await timer.async_wait(asio::use_awaitable);
}

} // namespace azkv::identity
