#pragma once

#include <azkv/config.hpp>

#include <iosfwd>
#include <memory>
#include <string>
#include <string_view>

namespace azkv {

/// A text that must not be seen: a key, a signature, a token, a password. `to_string` gives `***` for each,
/// streams do not take it, and its memory is wiped when the last copy goes. Copies share the text. Safe to
/// share between threads.
class AZKV_DECL secret {
public:
    /// Empty.
    secret() noexcept;

    /// Wipes what it is made from.
    secret(std::string&& text); // NOLINT: a key goes wherever a secret is asked for

    secret(const std::string& text); // NOLINT
    secret(std::string_view text);   // NOLINT
    secret(const char* text);        // NOLINT: null is empty, as `getenv` gives it

    ~secret();
    secret(const secret&) noexcept;
    secret(secret&&) noexcept;
    secret& operator=(const secret&) noexcept;
    secret& operator=(secret&&) noexcept;

    bool empty() const noexcept { return reveal().empty(); }

    /// The text itself. The view is good as long as a copy of this secret lives.
    std::string_view reveal() const noexcept;

    /// Takes the same time wherever two texts of one length differ.
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
