#include "identity/sources/arc_key.hpp"

#include "support/ascii.hpp"
#include "support/wipe.hpp"

#include <azkv/error.hpp>

#include <boost/system/error_code.hpp>

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace azkv::identity {

namespace {

constexpr std::size_t max_size = 4096;

[[noreturn]] void refuse(const std::string& why) {
    throw error(errc::authentication_failed, "Azure Arc: " + why);
}

[[noreturn]] void unreadable(int code) {
    std::string why = "cannot read the key file that the agent names: "
                      + boost::system::error_code(code, boost::system::system_category()).message();
    if (code == EACCES) why += "; add the user that runs the program to the group himds";
    refuse(why);
}

class opened_file {
public:
    explicit opened_file(int d) : d_(d) {
        if (d_ < 0) unreadable(errno);
    }

    opened_file(const opened_file&) = delete;
    opened_file& operator=(const opened_file&) = delete;

    ~opened_file() { ::close(d_); }

    operator int() const { return d_; }

private:
    int d_;
};

// Returns the realm of a challenge of the scheme Basic.
std::string_view realm(std::string_view challenge) {
    constexpr std::string_view name = "Basic realm=";
    const std::size_t at = ascii::find_ignoring_case(challenge, name);
    if (at == challenge.npos) refuse("the challenge of the agent names no key file");
    std::string_view path = challenge.substr(at + name.size());
    if (path.starts_with('"')) {
        path.remove_prefix(1);
        return path.substr(0, path.find('"'));
    }
    return path.substr(0, path.find_first_of(", \t"));
}

// Returns the name of the file. Throws if the file is not in the directory itself.
std::string key_name(std::string_view path, std::string_view directory) {
    while (directory.size() > 1 && directory.ends_with('/')) directory.remove_suffix(1);
    const bool below = path.starts_with(directory) && path.substr(directory.size()).starts_with('/');
    if (!below) refuse("the agent names a file outside its directory of keys");
    const std::string_view name = path.substr(directory.size() + 1);
    if (name.find('/') != name.npos || name.find('\0') != name.npos)
        refuse("the agent names a file outside its directory of keys");
    if (!name.ends_with(".key") || name.size() == 4) refuse("the agent names a file that is not a key file");
    return std::string(name);
}

// Checks the opened file, not its name, which another process could replace meanwhile. Follows no symbolic
// link, and does not wait for a writer of a pipe.
void read_key(const std::string& name, const std::string& directory, std::string& into) {
    const opened_file keys(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    const opened_file file(::openat(keys, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));

    struct stat about {};

    if (::fstat(file, &about) != 0) unreadable(errno);
    if (!S_ISREG(about.st_mode)) refuse("the key file that the agent names is not a regular file");
    into.resize(max_size + 1);
    std::size_t size = 0;
    while (size < into.size()) {
        const ssize_t n = ::read(file, into.data() + size, into.size() - size);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) unreadable(errno);
        if (n == 0) break;
        size += static_cast<std::size_t>(n);
    }
    if (size > max_size) refuse("the key file that the agent names has more than 4096 bytes");
    into.resize(size);
}

} // namespace

secret answer_arc_challenge(std::string_view challenge, const std::string& directory) {
    const std::string name = key_name(realm(challenge), directory);
    wiped_string key;
    read_key(name, directory, key.text);
    std::string_view text = key.text;
    text = text.substr(0, text.find_last_not_of(" \t\r\n") + 1); // npos + 1 is 0
    const auto is_visible = [](char c) { return c > 0x20 && c < 0x7F; };
    if (text.empty() || !std::ranges::all_of(text, is_visible))
        refuse("the key file that the agent names does not hold a key");
    std::string value;
    value.reserve(max_size + 8); // growing would leave copies
    value.append("Basic ").append(text);
    return secret(std::move(value));
}

} // namespace azkv::identity
