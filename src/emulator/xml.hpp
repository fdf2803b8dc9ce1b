// XML of access policies, service properties and statistics.
#pragma once

#include "emulator/failure.hpp"
#include "emulator/message.hpp"

#include <boost/property_tree/ptree.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace azkv::emulation::xml {

using element = boost::property_tree::ptree;

/// The name of the child that has an element's attributes.
inline constexpr std::string_view attributes = "<xmlattr>";

/// The failure of a document that is not well-formed, or not what the service expects.
failure invalid();

/// Parses a document. Throws `failure`.
element read(const std::string& text);

/// Returns the first child of that name. Throws `failure` if there is none.
const element& child(const element&, const char* name);

/// Throws `failure` if an element has a child that is none of these, or has one of them twice.
void check_children(const element&, const std::vector<std::string_view>& names);

/// Returns `<name>content</name>`, or `<name />` without content. `content` is XML.
std::string write(std::string_view name, std::string_view content);

/// Returns the response with a document, which the service begins with a byte order mark.
reply document(std::string_view root);

} // namespace azkv::emulation::xml
