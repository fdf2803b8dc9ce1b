#include "identity/sources/workload_identity.hpp"

#include "identity/sources/client_assertion.hpp"
#include "identity/sources/unavailable.hpp"
#include "support/small_file.hpp"
#include "support/wipe.hpp"

#include <azkv/error.hpp>

#include <algorithm>
#include <string_view>
#include <utility>

namespace azkv::identity {

namespace {

constexpr std::size_t max_token_file = 64 * 1024;
constexpr const char* white_space = " \t\r\n";

} // namespace

client_proof prove_by_token_file(std::string file) {
    if (file.empty()) throw error(errc::invalid_argument, "invalid name of the token file: it is empty");
    return [file](std::string& form, const proof_purpose&) {
        const auto fail = [&](const std::string& why) {
            throw error(errc::authentication_failed, "the token file " + file + ' ' + why);
        };
        wiped_string content;
        const auto ec = support::read_small_file(file, max_token_file, content);
        if (ec == errc::too_large) fail("has more than 64 KiB");
        if (ec) fail("cannot be read: " + ec.message());
        std::string_view token = content.text;
        token.remove_prefix(std::min(token.find_first_not_of(white_space), token.size()));
        token = token.substr(0, token.find_last_not_of(white_space) + 1);
        if (token.empty()) fail("is empty");
        append_client_assertion(form, token);
    };
}

std::shared_ptr<token_credential> make_workload_identity_credential(credential_environment env,
                                                                    entra_settings settings,
                                                                    std::string tenant, std::string client_id,
                                                                    std::string token_file) {
    return make_entra_credential(std::move(env), std::move(settings), std::move(tenant), std::move(client_id),
                                 prove_by_token_file(std::move(token_file)));
}

std::shared_ptr<token_credential> make_workload_identity_credential(credential_environment env,
                                                                    entra_settings settings) {
    const std::string missing =
        env.missing_variables({"AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_FEDERATED_TOKEN_FILE"});
    if (!missing.empty())
        return std::make_shared<unavailable_credential>("these variables are not set: " + missing);
    try {
        return make_workload_identity_credential(
            env, std::move(settings), env.variable_or_empty("AZURE_TENANT_ID"),
            env.variable_or_empty("AZURE_CLIENT_ID"), env.variable_or_empty("AZURE_FEDERATED_TOKEN_FILE"));
    } catch (const error& e) {
        throw error(e.code(),
                    std::string("the variables AZURE_... of workload identity are not valid: ") + e.what());
    }
}

} // namespace azkv::identity
