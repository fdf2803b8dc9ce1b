#pragma once

#include <azkv/token_credential.hpp>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace azkv::identity {

/// A source, and what messages call it.
class chain_link {
public:
    chain_link(std::string name, std::shared_ptr<token_credential> source, bool may_fail = false)
        : name(std::move(name)), source(std::move(source)), may_fail(may_fail) {}

    std::string name;
    std::shared_ptr<token_credential> source;
    bool may_fail; // the chain goes on also when it fails, and not only when it is unavailable
};

/// The first of several that gives a token, and only that one from then on. Throws `azkv::error`
/// (errc::invalid_argument) if there is none, or one is null.
std::shared_ptr<token_credential> make_chain(std::vector<chain_link> links);

} // namespace azkv::identity
