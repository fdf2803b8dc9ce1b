#pragma once

#include <openssl/crypto.h>

#include <string>
#include <utility>

namespace azkv {

/// Overwrites all that a string holds, and leaves it empty.
inline void wipe(std::string& text) {
    text.resize(text.capacity()); // what was cut off, too; takes no other memory
    OPENSSL_cleanse(text.data(), text.size());
    text.clear();
}

/// A string that is wiped when it goes.
class wiped_string {
public:
    wiped_string() {}

    explicit wiped_string(std::string&& t) : text(std::move(t)) { wipe(t); }

    wiped_string(const wiped_string&) = delete;
    wiped_string& operator=(const wiped_string&) = delete;

    ~wiped_string() { wipe(text); }

    std::string text;
};

} // namespace azkv
