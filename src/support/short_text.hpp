// Short texts that every response has, kept without allocating.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace azkv::support {

/// A text that is nearly always at most 63 bytes long, such as an ETag. Only longer ones are allocated.
class short_text {
public:
    short_text() {}

    explicit short_text(std::string_view text) { assign(text); }

    void assign(std::string_view text) {
        const bool is_long = text.size() > short_.size();
        long_ = is_long ? std::make_shared<const std::string>(text) : nullptr;
        size_ = is_long ? 0 : text.size();
        if (!is_long) std::ranges::copy(text, short_.begin());
    }

    std::string_view view() const {
        return long_ ? std::string_view(*long_) : std::string_view(short_.data(), size_);
    }

    bool empty() const { return view().empty(); }

private:
    std::size_t size_ = 0;
    std::array<char, 63> short_{};
    std::shared_ptr<const std::string> long_;
};

} // namespace azkv::support
