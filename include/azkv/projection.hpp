#pragma once

#include <azkv/config.hpp>

#include <string>
#include <utility>
#include <vector>

namespace azkv {

/// The members of a value that a read returns; if empty, all members. A name that a value does not have is
/// absent from the result.
class projection {
public:
    projection() {}

    explicit projection(std::vector<std::string> names) : names_(std::move(names)) {}

    bool empty() const noexcept { return names_.empty(); }

    const std::vector<std::string>& names() const noexcept { return names_; }

private:
    std::vector<std::string> names_;
};

/// Creates a projection from names: `select("name", "age")`.
template <class... Names>
projection select(Names&&... names) {
    std::vector<std::string> all;
    all.reserve(sizeof...(names));
    (all.emplace_back(std::forward<Names>(names)), ...);
    return projection(std::move(all));
}

} // namespace azkv
