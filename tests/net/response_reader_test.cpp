#include "net/response_reader.hpp"

#include <azkv/error.hpp>

#include <boost/asio/error.hpp>
#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <string_view>

using namespace azkv;
using azkv::net::response_reader;
using progress = response_reader::progress;

namespace {

response_reader::limits small() {
    response_reader::limits l;
    l.head = 200;
    l.body = 1000;
    l.interim = 3;
    return l;
}

/// Feeds `bytes` in pieces of `size`, then the end.
progress feed(response_reader& reader, std::string_view bytes, std::size_t size) {
    progress p = progress::need_more;
    while (p == progress::need_more && !bytes.empty()) {
        const std::string_view piece = bytes.substr(0, size);
        boost::asio::buffer_copy(reader.prepare(), boost::asio::buffer(piece));
        p = reader.commit(piece.size());
        bytes.remove_prefix(piece.size());
    }
    return p == progress::need_more ? reader.end_of_stream() : p;
}

/// Returns the outcome of `bytes` for every split: the status and the body, or the error.
std::string result(std::string_view bytes) {
    std::string first;
    for (const std::size_t size :
         {bytes.size(), std::size_t{1}, std::size_t{2}, std::size_t{3}, std::size_t{7}}) {
        response_reader reader(small());
        protocol::response r;
        reader.start(r, {});
        const progress p = feed(reader, bytes, std::max<std::size_t>(size, 1));
        REQUIRE(p != progress::need_more);
        std::string text = p == progress::done ? std::to_string(r.status) + ' ' + r.body
                                               : reader.error().message() + ", " + reader.detail();
        CAPTURE(size);
        if (first.empty()) first = text;
        CHECK(text == first);
    }
    return first;
}

const std::string bad = make_error_code(errc::bad_response).message() + ", ";
const std::string cut = make_error_code(boost::asio::error::eof).message() + ", ";

std::string chunked(const std::string& text) {
    return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + text;
}

} // namespace

TEST_CASE("response_reader: the split of the bytes does not matter") {
    CHECK(result("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc") == "200 abc");
    CHECK(result("HTTP/1.1 200 OK\r\n\r\nabc") == "200 abc");
    CHECK(result("HTTP/1.1 204 \r\n\r\n") == "204 ");
    CHECK(result(chunked("1\r\na\r\n2;x=y\r\nbc\r\n0\r\nT: x\r\n\r\n")) == "200 abc");
    CHECK(result(chunked("0\r\n\r\n")) == "200 ");
    CHECK(result("HTTP/1.1 100 x\r\n\r\nHTTP/1.1 103 y\r\n\r\nHTTP/1.1 204 z\r\n\r\n") == "204 ");
    CHECK(result("") == cut);
    CHECK(result("HTTP/1") == cut);
    CHECK(result("HTTP/1.1 200 OK\r\nX: y\r\n") == cut);
    CHECK(result("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab") == cut);
    CHECK(result(chunked("3\r\nabc\r\n")) == cut);
    CHECK(result("HTTP/2 200\r\n\r\n") == bad + "not HTTP/1.1");
    CHECK(result("HTTP/1.1 200 OK\nX: y\n\n") == bad + "control characters in the head");
    CHECK(result("HTTP/1.1 200 OK\r\nX: \rY\r\n\r\n") == bad + "control characters in the head");
    CHECK(result("HTTP/1.1 101 x\r\n\r\n") == bad + "unexpected switch to another protocol");
    CHECK(result("HTTP/1.1 200 OK\r\nContent-Encoding: br\r\n\r\nabc")
          == bad + "unexpected Content-Encoding");
    for (const char* fault :
         {"x", "X y: z", ": x", "Content-Length: -1", "Content-Length: 1\r\nContent-Length: 2"}) {
        CAPTURE(fault);
        CHECK(result("HTTP/1.1 200 OK\r\n" + std::string(fault) + "\r\n\r\n").starts_with(bad));
        CHECK(result("HTTP/1.1 200 OK\r\n" + std::string(fault) + "\r\nX: y").starts_with(bad));
    }
    for (const char* fault :
         {"zz\r\n", "1\r\nabc\r\n0\r\n\r\n", "1 x\r\na\r\n0\r\n\r\n", "1;a=\"\r\na\r\n0\r\n\r\n",
          "7;a=\"\r\nabcdefg\"\r\n0\r\n\r\n", "3\r\nabcdefgh", "0\r\nx\r\n\r\n"}) {
        CAPTURE(fault);
        CHECK(result(chunked(fault)).starts_with(bad));
    }
}

TEST_CASE("response_reader: limits are exact for every split") {
    const auto head = [](std::size_t n) {
        const std::string begin = "HTTP/1.1 204 \r\nX: ", end = "\r\n\r\n";
        return begin + std::string(n - begin.size() - end.size(), 'x') + end;
    };
    CHECK(result(head(200)) == "204 ");
    CHECK(result(head(201)).starts_with(bad));
    CHECK(result(chunked("1;" + std::string(198, 'x') + "\r\na\r\n0\r\n\r\n")) == "200 a");
    CHECK(result(chunked("1;" + std::string(199, 'x') + "\r\na\r\n0\r\n\r\n")).starts_with(bad));
    CHECK(result(chunked("1\r\na\r\n1;" + std::string(196, 'x') + "\r\nb\r\n0\r\n\r\n")) == "200 ab");
    CHECK(result(chunked("1\r\na\r\n1;" + std::string(197, 'x') + "\r\nb\r\n0\r\n\r\n")).starts_with(bad));
    CHECK(result(chunked("0\r\nX: " + std::string(190, 'x') + "\r\n\r\n")) == "200 ");
    CHECK(result(chunked("0\r\nX: " + std::string(191, 'x') + "\r\n\r\n")).starts_with(bad));
    const std::string full(1000, 'x'), larger = bad + "larger than max_response_size";
    CHECK(result("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + full) == "200 " + full);
    CHECK(result("HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n" + full) == larger);
    CHECK(result("HTTP/1.1 200 OK\r\n\r\n" + full) == "200 " + full);
    CHECK(result("HTTP/1.1 200 OK\r\n\r\n" + full + 'x') == larger);
    CHECK(result(chunked("3e8\r\n" + full + "\r\n0\r\n\r\n")) == "200 " + full);
    CHECK(result(chunked("3e8\r\n" + full + "\r\n1\r\nx\r\n0\r\n\r\n")) == larger);
    const std::string interim = "HTTP/1.1 100 x\r\n\r\n", last = "HTTP/1.1 204 x\r\n\r\n";
    CHECK(result(interim + interim + last) == "204 ");
    CHECK(result(interim + interim + interim + last) == bad + "too many interim responses");
}

TEST_CASE("response_reader: consecutive responses and what may follow") {
    response_reader reader(small());
    protocol::response r;
    const auto next = [&](std::string_view bytes) {
        reader.start(r, {});
        boost::asio::buffer_copy(reader.prepare(), boost::asio::buffer(bytes));
        REQUIRE(reader.commit(bytes.size()) == progress::done);
        CHECK(reader.received() == bytes.size());
        return reader.keep_alive();
    };
    CHECK(next("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nKeep-Alive: timeout=7\r\n\r\na"));
    CHECK(reader.keep_alive_timeout() == std::chrono::seconds(7));
    CHECK(next(chunked("1\r\nb\r\n0\r\n\r\n")));
    CHECK_FALSE(reader.keep_alive_timeout());
    CHECK(r.body == "b");
    CHECK(next("HTTP/1.1 204 \r\n\r\n"));
    CHECK(next("HTTP/1.1 204 \r\nContent-Length: 0\r\n\r\n"));
    CHECK_FALSE(next("HTTP/1.1 204 \r\nContent-Length: 4\r\n\r\n"));
    CHECK_FALSE(next("HTTP/1.1 304 \r\nTransfer-Encoding: chunked\r\n\r\n"));
    CHECK_FALSE(next("HTTP/1.1 204 \r\nConnection: close\r\n\r\n"));
    CHECK_FALSE(next("HTTP/1.0 204 \r\n\r\n"));
    CHECK(next("HTTP/1.0 204 \r\nConnection: keep-alive\r\n\r\n"));
    CHECK_FALSE(next("HTTP/1.1 204 \r\n\r\nHTTP"));
    CHECK(reader.unread() == 4);
}

TEST_CASE("response_reader: a proxy's response to CONNECT has no body") {
    response_reader reader(small());
    protocol::response r;
    reader.start(r, {}, false);
    const std::string_view bytes = "HTTP/1.1 200 Connected\r\nContent-Length: 5\r\n\r\n";
    boost::asio::buffer_copy(reader.prepare(), boost::asio::buffer(bytes));
    CHECK(reader.commit(bytes.size()) == progress::done);
    CHECK(reader.unread() == 0);
}
