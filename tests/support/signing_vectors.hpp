// The recorded signatures of Microsoft's clients.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>

#include <fstream>
#include <sstream>
#include <string>

namespace azkv::test {

/// Returns what Microsoft's own clients signed, with which key.
inline boost::json::object signing_vectors() {
    std::ifstream file(AZKV_TEST_DATA "/signing.json");
    std::stringstream text;
    text << file.rdbuf();
    return boost::json::parse(text.str()).as_object();
}

} // namespace azkv::test
