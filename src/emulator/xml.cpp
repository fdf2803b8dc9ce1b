#include "emulator/xml.hpp"

#include "codec/utf.hpp"

#include <boost/property_tree/xml_parser.hpp>

#include <algorithm>
#include <set>
#include <sstream>

namespace azkv::emulation::xml {

namespace pt = boost::property_tree;

namespace {

// Far above the number in the documents of the service. Limits the recursion of the parser.
constexpr std::ptrdiff_t max_tags = 1000;

// Boost.PropertyTree takes any character as `&#0;`, but XML does not, and what is kept is read again.
// (https://www.w3.org/TR/xml/#charsets)
bool has_xml_characters(std::string_view text) {
    while (!text.empty()) {
        const char32_t c = codec::next_code_point(text);
        const bool control = c < 0x20 && c != '\t' && c != '\n' && c != '\r';
        if (c == codec::malformed || control || c == 0xFFFE || c == 0xFFFF) return false;
    }
    return true;
}

// No deeper than the parser was.
bool is_xml_text(const element& e) {
    return has_xml_characters(e.data())
           && std::ranges::all_of(e, [](const auto& child) { return is_xml_text(child.second); });
}

} // namespace

failure invalid() {
    return failure(400, "InvalidXmlDocument", "XML specified is not syntactically valid.");
}

element read(const std::string& text) {
    if (std::ranges::count(text, '<') > max_tags) throw invalid();
    element tree;
    std::istringstream in(text);
    try {
        pt::read_xml(in, tree, pt::xml_parser::trim_whitespace | pt::xml_parser::no_comments);
    } catch (const pt::xml_parser_error&) {
        throw invalid();
    }
    if (tree.size() != 1 || !is_xml_text(tree)) throw invalid();
    return tree;
}

const element& child(const element& e, const char* name) {
    const auto found = e.find(name);
    if (found == e.not_found()) throw invalid();
    return found->second;
}

void check_children(const element& e, const std::vector<std::string_view>& names) {
    std::set<std::string_view> seen;
    for (const auto& [name, inner] : e) {
        if (name == attributes) continue;
        if (std::ranges::find(names, name) == names.end() || !seen.insert(name).second) throw invalid();
    }
}

std::string write(std::string_view name, std::string_view content) {
    const std::string tag(name);
    return content.empty() ? "<" + tag + " />" : "<" + tag + ">" + std::string(content) + "</" + tag + ">";
}

reply document(std::string_view root) {
    reply answer;
    answer.status = 200;
    answer.headers.emplace_back("Content-Type", "application/xml");
    answer.body = "\xEF\xBB\xBF<?xml version=\"1.0\" encoding=\"utf-8\"?>";
    answer.body.append(root);
    return answer;
}

} // namespace azkv::emulation::xml
