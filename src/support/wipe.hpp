// Overwrites secrets in memory.
#pragma once

#include <openssl/crypto.h>

#include <string>
#include <utility>

namespace azkv {

/// Overwrites the whole capacity of a string, and leaves it empty.
inline void wipe(std::string& text) {
    text.resize(text.capacity()); // includes what was cut off; does not reallocate
    OPENSSL_cleanse(text.data(), text.size());
    text.clear();
}

/// A string that its destructor wipes.
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
