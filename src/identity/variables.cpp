#include "identity/variables.hpp"

#include <boost/algorithm/string/predicate.hpp>

namespace azkv::identity {

std::string variable(const surroundings& around, const char* name) {
    return around.variable(name).value_or(std::string());
}

bool is_switched_on(const surroundings& around, const char* name) {
    const std::string text = variable(around, name);
    return text == "1" || boost::algorithm::iequals(text, "true");
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
