// Programs that the process starts inherit no descriptor of the library.

#include "support/certificates.hpp"
#include "support/connect_proxy.hpp"
#include "support/fixtures.hpp"
#include "support/host_names.hpp"
#include "support/http_server.hpp"
#include "support/run.hpp"

#include <azkv.hpp>
#include <azkv/blocking_store.hpp>

#include <boost/asio/ip/tcp.hpp>
#include <doctest/doctest.h>

#include <array>
#include <cstdio>
#include <fcntl.h>
#include <filesystem>
#include <netinet/in.h>
#include <string>
#include <sys/socket.h>
#include <vector>

using namespace azkv;
using namespace azkv::test;
using namespace std::chrono_literals;

namespace {

std::vector<int> descriptors() {
    std::vector<int> all;
    for (const auto& e : std::filesystem::directory_iterator("/proc/self/fd"))
        all.push_back(std::stoi(e.path().filename()));
    return all;
}

void keep_from_children(int descriptor) {
    ::fcntl(descriptor, F_SETFD, FD_CLOEXEC);
}

unsigned short local_port(int descriptor) {
    sockaddr_in a{};
    socklen_t n = sizeof a;
    return ::getsockname(descriptor, reinterpret_cast<sockaddr*>(&a), &n) == 0 ? ntohs(a.sin_port) : 0;
}

/// The descriptors of a program that starts now: standard input, output and error, and the directory it
/// reads.
std::string inherited() {
    std::FILE* const ls = ::popen("exec ls /proc/self/fd", "re");
    REQUIRE(ls);
    std::string text;
    std::array<char, 256> line{};
    while (std::fgets(line.data(), static_cast<int>(line.size()), ls)) text += line.data();
    ::pclose(ls);
    return text;
}

} // namespace

TEST_CASE("child processes inherit no connection and no look-up and no context") {
    for (const int d : descriptors())
        if (d > 2) keep_from_children(d); // those of the process that runs the tests
    REQUIRE(inherited() == "0\n1\n2\n3\n");

    certificate_authority ca;
    const temporary_file ca_file(ca.pem());
    http_server plain(ok_entity), secure(ok_entity, ca.issue({"DNS:localhost", "DNS:service.test"}));
    connect_proxy proxy;
    const host_name hanging = host_name::hanging("hanging.test");
    const credential key = test_credential();
    const auto options = [&] { return store_options().tls(tls_options().ca_file(ca_file.path())); };
    const std::string port = ":" + std::to_string(secure.port()) + "/acct";

    asio::io_context context;
    store http(context.get_executor(), plain.endpoint(), key);
    store https(context.get_executor(), "https://localhost" + port, key, options());
    store tunnel(context.get_executor(), "https://service.test" + port, key,
                 options().proxy(azkv::proxy(proxy.url())));
    store waiting(context.get_executor(), "https://hanging.test", key,
                  options().connect_timeout(1ms).max_attempts(1));
    blocking_store blocking(plain.endpoint(), key);
    CHECK(run(context, http.get("k")));
    CHECK(run(context, https.get("k")));
    CHECK(run(context, tunnel.get("k")));
    CHECK(failure_of([&] { run(context, waiting.get("k")); }).code() == errc::timed_out);
    CHECK(blocking.get("k"));

    std::size_t connections = 0;
    for (const int d : descriptors()) {
        const auto p = local_port(d);
        if (p == plain.port() || p == secure.port() || p == proxy.port()) {
            keep_from_children(d); // the server's
            ++connections;
        }
    }
    CHECK(connections >= 3 + 4); // the listening ones, and the kept-alive ones
    CHECK(inherited() == "0\n1\n2\n3\n");
}
