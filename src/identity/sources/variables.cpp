#include "identity/sources/variables.hpp"

#include "support/ascii.hpp"

#include <optional>
#include <utility>

namespace azkv::identity {

std::string variable(const surroundings& around, const char* name) {
    return around.variable(name).value_or(std::string());
}

secret secret_variable(const surroundings& around, const char* name) {
    std::optional<std::string> text = around.variable(name);
    return text ? secret(std::move(*text)) : secret(); // which wipes it
}

bool is_switched_on(const surroundings& around, const char* name) {
    const std::string text = variable(around, name);
    return text == "1" || ascii::is_equal(text, "true");
}

std::string missing_variables(const surroundings& around, std::initializer_list<const char*> names) {
    std::string missing;
    for (const char* name : names) {
        if (!variable(around, name).empty()) continue;
        if (!missing.empty()) missing += ", ";
        missing += name;
    }
    return missing;
}

} // namespace azkv::identity
