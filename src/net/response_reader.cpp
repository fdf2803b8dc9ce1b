#include "net/response_reader.hpp"

#include <azkv/error.hpp>

#include <boost/asio/error.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/url/grammar/hexdig_chars.hpp>
#include <openssl/crypto.h>

#include <algorithm>
#include <string_view>
#include <utility>

namespace azkv::net {

namespace http = boost::beast::http;
using boost::system::error_code;

namespace {

std::string_view text_of(const boost::beast::flat_buffer& buffer) {
    const auto bytes = buffer.data();
    return {static_cast<const char*>(bytes.data()), bytes.size()};
}

// Returns whether `text` begins with a complete line before a chunk although Beast wants more. Beast searches
// for the end of a quoted extension beyond the line, and counts the chunk again each time.
bool is_broken_line(std::string_view text) {
    if (text.starts_with("\r\n")) text.remove_prefix(2); // after the previous chunk
    const auto first = text.find_first_not_of('0');
    if (first == text.npos || !boost::urls::grammar::hexdig_chars(text[first])) return false;
    return text.find("\r\n") != text.npos; // the last chunk, 0, needs the trailers as well
}

// Returns whether `head`, from a position on, is invalid whatever follows: a control character, or a line
// that does not end in CRLF.
bool is_broken_head(std::string_view head, std::size_t from) {
    char before = from > 0 ? head[from - 1] : ' ';
    for (const char c : head.substr(from)) {
        const bool control =
            (static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\r' && c != '\n') || c == 0x7F;
        if (control || (before == '\r') != (c == '\n')) return true;
        before = c;
    }
    return false;
}

constexpr char broken_head[] = "control characters in the head";

} // namespace

// Wipes the responses, some of which contain tokens, but not the rest of the memory, which the system may not
// have allocated yet.
response_reader::~response_reader() {
    note_written(room_.size());
    OPENSSL_cleanse(begin_, written_);
}

void response_reader::note_written(std::size_t n) {
    if (n > 0)
        written_ =
            std::max(written_, static_cast<std::size_t>(static_cast<char*>(room_.data()) - begin_) + n);
    room_ = {};
}

void response_reader::start(protocol::response& into, std::string_view id, bool with_body) {
    response_ = &into;
    id_ = id;
    with_body_ = with_body;
    interim_ = 0;
    received_ = 0;
    error_ = {};
    detail_.clear();
    expect_head();
}

void response_reader::expect_head() {
    parser_.emplace(*response_, limits_.head, id_);
    parser_->header_limit(static_cast<std::uint32_t>(limits_.head));
    parser_->body_limit(limits_.body);
    parser_->skip(!with_body_);
    scanned_ = 0;
}

response_reader::progress response_reader::commit(std::size_t n) {
    note_written(n);
    buffer_.commit(n);
    received_ += n;
    return read(false);
}

response_reader::progress response_reader::end_of_stream() {
    room_ = {};
    const progress so_far = read(true);
    if (so_far != progress::need_more) return so_far;
    error_code ec;
    if (parser_->is_header_done() && unread() == 0) {
        parser_->put_eof(ec); // the end of a body without a length
        if (!ec) return progress::done;
    }
    return fail(asio::error::eof, {});
}

response_reader::progress response_reader::read(bool ended) {
    while (!parser_->is_header_done()) {
        const progress head = find_head();
        if (head == progress::need_more && ended && unread() > 0) return read_head(unread());
        if (head != progress::done) return head;
        const progress read = read_head(scanned_);
        if (read != progress::done) return read;
    }
    return parser_->is_done() ? progress::done : read_body(ended);
}

// Given a head in parts, Beast's parser reports an error sooner or later depending on the parts. Therefore it
// gets complete heads, and incomplete ones are checked here.
response_reader::progress response_reader::find_head() {
    constexpr std::string_view beginning = "HTTP/1.";
    const std::string_view text = text_of(buffer_).substr(0, limits_.head);
    const std::size_t compared = std::min(text.size(), beginning.size());
    if (text.substr(0, compared) != beginning.substr(0, compared))
        return fail(errc::bad_response, "not HTTP/1.1");
    const std::size_t from = scanned_;
    while (scanned_ < text.size()) {
        const std::size_t end = text.find('\n', scanned_);
        scanned_ = std::min(end, text.size() - 1) + 1;
        if (text.substr(0, scanned_).ends_with("\r\n\r\n")) return progress::done;
    }
    if (is_broken_head(text, from)) return fail(errc::bad_response, broken_head);
    if (text.size() == limits_.head) return fail(http::error::header_limit);
    return progress::need_more;
}

response_reader::progress response_reader::read_head(std::size_t size) {
    error_code ec;
    parser_->eager(false); // stop after the head
    parser_->put(asio::buffer(buffer_.data(), size), ec);
    if (ec == http::error::need_more) return progress::need_more; // the stream ended within the head
    if (ec && is_broken_head(text_of(buffer_).substr(0, size), 0))
        return fail(errc::bad_response, broken_head);
    if (ec) return fail(ec);
    buffer_.consume(size);
    if (response_->status / 100 != 1) return progress::done;
    if (response_->status == 101) return fail(errc::bad_response, "unexpected switch to another protocol");
    if (++interim_ == limits_.interim) return fail(errc::bad_response, "too many interim responses");
    expect_head();
    return progress::done;
}

response_reader::progress response_reader::read_body(bool ended) {
    // Debug builds of Beast abort when an empty chunked body comes in pieces smaller than this.
    constexpr std::size_t last_chunk = sizeof "0\r\n\r\n" - 1;
    const bool wait = parser_->chunked() && unread() < last_chunk && !ended;
    if (unread() == 0 || wait) return progress::need_more;
    error_code ec;
    parser_->eager(true);
    const std::size_t n = parser_->read_body(text_of(buffer_), ec);
    buffer_.consume(n);
    if (ec && ec != http::error::need_more) return fail(ec);
    if (parser_->is_done()) return progress::done;
    // The rest is the line before a chunk, or trailers.
    if (unread() > limits_.head + line_end || is_broken_line(text_of(buffer_)))
        return fail(http::error::bad_chunk_extension);
    return progress::need_more;
}

response_reader::progress response_reader::fail(error_code ec, std::string detail) {
    error_ = ec;
    detail_ = std::move(detail);
    return progress::failed;
}

response_reader::progress response_reader::fail(error_code parsing) {
    if (const char* const refusal = parser_->refusal()) return fail(errc::bad_response, refusal);
    if (parsing == http::error::body_limit) return fail(errc::bad_response, "larger than max_response_size");
    // Which of the two Beast reports depends on how the bytes are split.
    if (parsing == http::error::bad_chunk_extension) parsing = http::error::bad_chunk;
    return fail(errc::bad_response, parsing.message());
}

} // namespace azkv::net
