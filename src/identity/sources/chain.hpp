// Chains: the first of several credentials that returns a token.
#pragma once

#include <azkv/token_credential.hpp>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace azkv::identity {

/// A credential and its name in messages.
class chain_link {
public:
    chain_link(std::string name, std::shared_ptr<token_credential> source, bool may_fail = false)
        : name(std::move(name)), source(std::move(source)), may_fail(may_fail) {}

    std::string name;
    std::shared_ptr<token_credential> source;
    bool may_fail; // true: the chain continues after any failure, not only if the credential is unavailable
};

/// Creates a credential that tries others in order, and keeps to the first that returned a token. Throws
/// `azkv::error` (errc::invalid_argument) if there are no links, or one is null.
std::shared_ptr<token_credential> make_chain(std::vector<chain_link> links);

} // namespace azkv::identity
