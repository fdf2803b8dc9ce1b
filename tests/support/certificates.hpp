#pragma once

#include "support/http_server.hpp"

#include <string>

namespace azkv::test {

/// A certificate that signs itself, for `host` (a name, or an address if it begins with a digit).
certificate self_signed(const std::string& host);

/// A file that exists as long as this does.
class temporary_file {
public:
    explicit temporary_file(const std::string& content);
    ~temporary_file();
    temporary_file(const temporary_file&) = delete;
    temporary_file& operator=(const temporary_file&) = delete;

    const std::string& path() const { return path_; }

private:
    std::string path_;
};

} // namespace azkv::test
