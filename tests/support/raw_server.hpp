// A server that sends given bytes.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace azkv::test {

/// What a `raw_server` does after a response.
class raw_answer {
public:
    enum class end {
        close, ///< announces the close, and waits until the peer has left: no reset overtakes the response
        keep,  ///< the next request may come over the same connection
        reset,
    };

    raw_answer(std::string text, end then = end::close) : text(std::move(text)), then(then) {}

    std::string text;
    end then;
    std::string endless;               // sent after it again and again, until the peer has left
    std::chrono::milliseconds pace{0}; // not 0: byte by byte, with a pause after each
    bool whole_request = true;         // false: after the first bytes, whatever they are
};

/// A server on a loopback port, with a thread of its own, that responds with given bytes to any
/// request.
class raw_server {
public:
    /// Reads what arrives first, sends the text, and closes.
    explicit raw_server(std::string answer);

    /// The first request gets the first answer, and so on; all further requests get the last.
    explicit raw_server(std::vector<raw_answer> answers);

    ~raw_server();

    unsigned short port() const;
    std::string endpoint() const;    // for a store: the account is "acct"
    std::size_t connections() const; // ever accepted
    std::size_t requests() const;    // ever answered

private:
    class implementation;
    std::unique_ptr<implementation> impl_;
};

} // namespace azkv::test
