#include "support/fixtures.hpp"

#include <stdexcept>

namespace azkv::test {

http_reply ok_entity(const http_request&) {
    return http_reply(200, entity_text);
}

value numbered(int i) {
    value v;
    v["i"] = i;
    return v;
}

std::string batch_answer(std::size_t operations) {
    std::string text = "--b\r\n\r\n";
    for (std::size_t i = 0; i < operations; ++i) text += "--c\r\n\r\nHTTP/1.1 204 x\r\n\r\n\r\n";
    return text + "--c--\r\n--b--\r\n";
}

std::string header(const std::string& request, const std::string& name) {
    const auto at = request.find("\r\n" + name + ": ");
    if (at == request.npos) throw std::logic_error("a request without the header " + name);
    const auto begin = at + name.size() + 4;
    return request.substr(begin, request.find("\r\n", begin) - begin);
}

} // namespace azkv::test
