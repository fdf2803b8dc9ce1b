// The text form of UUIDs.
#pragma once

#include <boost/uuid/uuid.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace azkv {

/// A UUID as text. Every call needs one, and Boost's conversion takes three times as long.
class uuid_text {
public:
    explicit uuid_text(const boost::uuids::uuid& id) {
        constexpr std::string_view digits = "0123456789abcdef";
        constexpr std::array<std::uint8_t, 16> places = {0,  2,  4,  6,  9,  11, 14, 16,
                                                         19, 21, 24, 26, 28, 30, 32, 34};
        for (const std::size_t dash : {8, 13, 18, 23}) text_[dash] = '-';
        for (std::size_t i = 0; i < places.size(); ++i) {
            text_[places[i]] = digits[id.data[i] >> 4];
            text_[places[i] + std::size_t{1}] = digits[id.data[i] & 15];
        }
    }

    std::string_view view() const { return {text_.data(), text_.size()}; }

private:
    std::array<char, 36> text_;
};

} // namespace azkv
