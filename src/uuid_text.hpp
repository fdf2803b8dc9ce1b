#pragma once

#include <boost/uuid/uuid.hpp>
#include <boost/uuid/uuid_io.hpp>

#include <array>
#include <string_view>

namespace azkv {

/// A UUID as it is written.
class uuid_text {
public:
    explicit uuid_text(const boost::uuids::uuid& id) { boost::uuids::to_chars(id, text_.begin()); }

    std::string_view view() const { return {text_.data(), text_.size()}; }

private:
    std::array<char, 36> text_;
};

} // namespace azkv
