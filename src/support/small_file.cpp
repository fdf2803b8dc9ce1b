#include "support/small_file.hpp"

#include <azkv/error.hpp>

#include <boost/asio/error.hpp>

#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <memory>
#include <sys/stat.h>
#include <unistd.h>

namespace azkv::support {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

class closer {
public:
    void operator()(std::FILE* f) const { std::fclose(f); }
};

error_code system_error() {
    return error_code(errno, boost::system::generic_category());
}

} // namespace

error_code read_small_file(const std::string& path, std::size_t limit, wiped_string& content) {
    // Without O_NONBLOCK, opening a pipe would block the thread.
    const int number = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (number < 0) return system_error();
    const std::unique_ptr<std::FILE, closer> file(::fdopen(number, "rb"));
    if (!file) {
        const error_code ec = system_error();
        ::close(number);
        return ec;
    }

    struct stat about {};

    if (::fstat(number, &about) != 0) return system_error();
    if (S_ISDIR(about.st_mode)) return make_error_code(boost::system::errc::is_a_directory);
    if (!S_ISREG(about.st_mode)) return asio::error::invalid_argument;
    std::setvbuf(file.get(), nullptr, _IONBF, 0); // a buffer would not be wiped
    content.text.assign(limit + 1, '\0');
    const std::size_t n = std::fread(content.text.data(), 1, content.text.size(), file.get());
    if (std::ferror(file.get())) return system_error();
    if (n > limit) return errc::too_large;
    content.text.resize(n);
    return {};
}

} // namespace azkv::support
