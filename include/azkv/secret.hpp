#pragma once

#include <azkv/config.hpp>

#include <iosfwd>
#include <memory>
#include <string>
#include <string_view>

namespace azkv {

/// Sensitive text: a key, a signature, a token, a password. `to_string` returns `***`, streams do not accept
/// it, and its memory is wiped when the last copy is destroyed. Copies share the text. Safe to share between
/// threads.
class AZKV_DECL secret {
public:
    /// Creates an empty secret.
    secret() noexcept;

    /// Takes the text, and wipes the argument.
    secret(std::string&& text); // NOLINT: implicit, so that a string is accepted for a secret

    secret(const std::string& text); // NOLINT
    secret(std::string_view text);   // NOLINT
    secret(const char* text);        // NOLINT: null, as `getenv` may return it, is empty

    ~secret();
    secret(const secret&) noexcept;
    secret(secret&&) noexcept;
    secret& operator=(const secret&) noexcept;
    secret& operator=(secret&&) noexcept;

    bool empty() const noexcept { return reveal().empty(); }

    /// Returns the text itself. The view is valid as long as a copy of this secret lives.
    std::string_view reveal() const noexcept;

    /// Compares in constant time for texts of equal length.
    friend bool operator==(const secret& a, const secret& b) noexcept { return a.is(b); }

    friend std::string to_string(const secret&) { return "***"; }

    template <class Char, class Traits>
    friend std::basic_ostream<Char, Traits>& operator<<(std::basic_ostream<Char, Traits>&,
                                                        const secret&) = delete;

private:
    bool is(const secret& other) const noexcept;

    class buffer;
    std::shared_ptr<const buffer> text_;
};

} // namespace azkv
