#include "support/raw_server.hpp"

#include "support/loopback_server.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <string_view>
#include <utility>

namespace azkv::test {

using asio::ip::tcp;

class raw_server::implementation {
public:
    explicit implementation(std::vector<raw_answer> answers)
        : answers_(std::move(answers)), server_([this](tcp::socket s) {
              ++connections;
              return serve(std::move(s));
          }) {}

    unsigned short port() const { return server_.port(); }

    std::atomic<std::size_t> connections{0};
    std::atomic<std::size_t> requests{0};

private:
    static auto into(boost::system::error_code& ec) { return asio::redirect_error(asio::use_awaitable, ec); }

    asio::awaitable<void> serve(tcp::socket socket) {
        std::array<char, 16 * 1024> bytes;
        boost::system::error_code ec;
        const raw_answer* answer = nullptr;
        do {
            std::string request;
            do {
                const std::size_t n = co_await socket.async_read_some(asio::buffer(bytes), into(ec));
                if (ec) co_return;
                request.append(bytes.data(), n);
            } while (next().whole_request && !is_whole(request));
            answer = &next();
            ++requests;
            ec = co_await send(socket, *answer);
        } while (!ec && answer->then == raw_answer::end::keep);
        if (answer->then == raw_answer::end::reset) {
            socket.set_option(asio::socket_base::linger(true, 0), ec);
            co_return;
        }
        if (!ec) socket.shutdown(tcp::socket::shutdown_send, ec);
        while (!ec) // so that a reset does not overtake the response
            co_await socket.async_read_some(asio::buffer(bytes), into(ec));
    }

    const raw_answer& next() const { return answers_[std::min(requests.load(), answers_.size() - 1)]; }

    static bool is_whole(const std::string& request) {
        const auto head = request.find("\r\n\r\n");
        if (head == request.npos) return false;
        constexpr std::string_view name = "Content-Length: ";
        const auto length = request.find(name);
        if (length > head) return true;
        return request.size() - head - 4 >= std::stoul(request.substr(length + name.size()));
    }

    static asio::awaitable<boost::system::error_code> send(tcp::socket& socket, const raw_answer& answer) {
        boost::system::error_code ec;
        if (answer.pace.count() == 0)
            co_await asio::async_write(socket, asio::buffer(answer.text), into(ec));
        else
            ec = co_await trickle(socket, answer.text, answer.pace);
        while (!ec && !answer.endless.empty()) {
            if (answer.pace.count() == 0)
                co_await asio::async_write(socket, asio::buffer(answer.endless), into(ec));
            else
                ec = co_await trickle(socket, answer.endless, answer.pace);
        }
        co_return ec;
    }

    static asio::awaitable<boost::system::error_code> trickle(tcp::socket& socket, const std::string& text,
                                                              std::chrono::milliseconds pace) {
        boost::system::error_code ec;
        asio::steady_timer pause(socket.get_executor());
        for (std::size_t i = 0; !ec && i < text.size(); ++i) {
            co_await asio::async_write(socket, asio::buffer(&text[i], 1), into(ec));
            pause.expires_after(pace);
            if (!ec) co_await pause.async_wait(into(ec));
        }
        co_return ec;
    }

    const std::vector<raw_answer> answers_;
    loopback_server server_;
};

namespace {

std::vector<raw_answer> whatever_comes(std::string text) {
    std::vector<raw_answer> answers{raw_answer(std::move(text))};
    answers.front().whole_request = false;
    return answers;
}

} // namespace

raw_server::raw_server(std::string answer) : raw_server(whatever_comes(std::move(answer))) {}

raw_server::raw_server(std::vector<raw_answer> answers)
    : impl_(std::make_unique<implementation>(std::move(answers))) {}

raw_server::~raw_server() = default;

unsigned short raw_server::port() const {
    return impl_->port();
}

std::string raw_server::endpoint() const {
    return "http://127.0.0.1:" + std::to_string(port()) + "/acct";
}

std::size_t raw_server::connections() const {
    return impl_->connections;
}

std::size_t raw_server::requests() const {
    return impl_->requests;
}

} // namespace azkv::test
