#include "client/service_context.hpp"
#include "fuzz.hpp"
#include "net/response_reader.hpp"
#include "net/transport.hpp"
#include "store/store_impl.hpp"
#include "support/all_operations.hpp"

#include <azkv/store.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>

#include <algorithm>
#include <charconv>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <vector>

using namespace azkv;

namespace {

namespace asio = boost::asio;

constexpr char separator = '\x1e'; // between the answers to one request and to the next

/// One connection for each request, whose answers are what the input says, in pieces.
class scripted_wire final : public net::transport {
public:
    scripted_wire() {
        limits_.head = 2048;
        limits_.body = 4096;
        limits_.interim = 3;
    }

    /// The pieces have these sizes by turns.
    void play(std::string_view answers, std::vector<std::size_t> sizes) {
        left_ = answers;
        sizes_ = std::move(sizes);
    }

    void close() override {}

    asio::awaitable<void> run(net::exchange& x) override {
        x.write_head();
        check_request(x.head);
        const std::string_view answer = left_.substr(0, left_.find(separator));
        left_.remove_prefix(std::min(answer.size() + 1, left_.size()));
        net::response_reader reader(limits_);
        reader.start(x.response, x.id);
        x.phase = "reading the response from";
        x.applied = protocol::applied::unknown;
        if (feed(reader, answer) == net::response_reader::progress::failed) {
            x.error = reader.error();
            x.detail = reader.detail();
            fuzz::require(x.error == errc::bad_response || x.error == asio::error::eof,
                          "a failure is one of two");
        }
        fuzz::require(x.response.body.size() <= limits_.body, "the body is not larger than its limit");
        co_return;
    }

private:
    // Nothing that a server says makes two requests of one.
    static void check_request(const std::string& head) {
        fuzz::require(head.find("\r\n\r\n") == head.size() - 4, "one request");
        const std::string_view line = std::string_view(head).substr(0, head.find("\r\n"));
        fuzz::require(std::ranges::count(line, ' ') == 2 && line.ends_with(" HTTP/1.1"), "one target");
        fuzz::require(std::ranges::all_of(line, [](char c) { return c >= ' ' && c <= '~'; }),
                      "a request line of ASCII");
    }

    net::response_reader::progress feed(net::response_reader& reader, std::string_view bytes) const {
        using progress = net::response_reader::progress;
        progress p = progress::need_more;
        for (std::size_t i = 0; p == progress::need_more && !bytes.empty(); ++i) {
            const asio::mutable_buffer room = reader.prepare();
            const std::size_t n =
                asio::buffer_copy(room, asio::buffer(bytes.substr(0, sizes_[i % sizes_.size()])));
            p = reader.commit(n);
            fuzz::require(reader.unread() <= limits_.head + room.size(),
                          "what is not understood yet is bounded");
            bytes.remove_prefix(n);
        }
        return p == progress::need_more ? reader.end_of_stream() : p;
    }

    net::response_reader::limits limits_;
    std::string_view left_;
    std::vector<std::size_t> sizes_;
};

/// What is called, with everything it needs.
class bench {
public:
    bench()
        : db_(detail::store_access::make(
            context_.get_executor(),
            std::make_shared<const client::service_context>("http://127.0.0.1:10002/acct",
                                                            credential::shared_key("acct", "c2VjcmV0"),
                                                            store_options().max_attempts(1)),
            wire_)) {}

    /// What the operation brings, or why it fails, as text.
    std::string run(const test::operation_sample& operation, std::string_view answers,
                    const std::vector<std::size_t>& sizes) {
        wire_->play(answers, sizes);
        boost::system::error_code why;
        std::string what;
        const auto text = fuzz::unless_refused(
            [&] {
                try {
                    test::operation_arguments a = operation.arguments;
                    a.pairs = {{"k", a.v}, {"l", a.v}};
                    return wait(operation.call(db_, std::move(a)));
                } catch (const error& e) {
                    what = e.what();
                    throw;
                }
            },
            &why);
        fuzz::require(std::ranges::none_of(what, [](char c) { return static_cast<unsigned char>(c) < ' '; }),
                      "a message is one line");
        fuzz::require(what.size() < 500, "a message is short");
        return text ? *text : why.to_string() + ' ' + what;
    }

private:
    template <class T>
    T wait(asio::awaitable<T> op) {
        auto result = asio::co_spawn(context_, std::move(op), asio::use_future);
        context_.restart();
        context_.run();
        return result.get();
    }

    asio::io_context context_;
    std::shared_ptr<scripted_wire> wire_ = std::make_shared<scripted_wire>();
    store db_;
};

} // namespace

// `get 3 1 20`, the operation and the sizes of the pieces, then the bytes that come from the server.
bool fuzz::check(std::string_view input) {
    std::string_view line = take_line(input);
    const std::string_view name = line.substr(0, line.find(' '));
    const auto& all = test::all_operations();
    const auto operation = std::ranges::find(all, name, &test::operation_sample::name);
    if (operation == all.end()) return false;
    line.remove_prefix(name.size());
    std::vector<std::size_t> sizes;
    while (!line.empty() && sizes.size() < 8) {
        line.remove_prefix(1);
        std::size_t size = 0;
        const auto [end, ec] = std::from_chars(line.data(), line.data() + line.size(), size);
        if (ec != std::errc{} || size == 0) return false;
        sizes.push_back(size);
        line.remove_prefix(static_cast<std::size_t>(end - line.data()));
    }
    if (sizes.empty()) return false;

    static bench the_bench;
    const std::string whole = the_bench.run(*operation, input, {input.size() + 1});
    require(the_bench.run(*operation, input, {1}) == whole, "bytes one by one change nothing");
    require(the_bench.run(*operation, input, sizes) == whole, "how bytes are split changes nothing");
    return true;
}
