// Generated values, keys and names that are hard to store, and their reduction.
#pragma once

#include "support/identical.hpp"

#include <azkv/value.hpp>

#include <boost/json/value.hpp>

#include <cstdint>
#include <functional>
#include <random>
#include <string>

namespace azkv::test {

/// Values that easily break in storing and reading back. The same seed yields the same value.
class value_generator {
public:
    explicit value_generator(std::uint64_t seed) : random_(seed) {}

    /// Returns a value within the limits of both services, `large` ones among them.
    value make(bool large = true);

    /// Returns a member's name: not empty, and short enough.
    std::string name();

    /// Returns text of the kinds that keys and strings contain.
    std::string text();

private:
    std::size_t up_to(std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n)(random_); }

    bool one_in(std::size_t n) { return up_to(n - 1) == 0; }

    template <class Pieces>
    auto& any_of(Pieces& pieces) {
        return pieces[up_to(std::size(pieces) - 1)];
    }

    double number();
    std::string long_text();
    boost::json::value scalar();
    boost::json::value nested(std::size_t levels);

    std::mt19937_64 random_;
};

/// Returns a small value that still `fails`, reduced from one that does.
value shrink(value v, const std::function<bool(const value&)>& fails);

} // namespace azkv::test
