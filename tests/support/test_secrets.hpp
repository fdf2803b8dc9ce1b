// The secrets of the tests, and a search for them.
#pragma once

#include <string>
#include <string_view>

/// Texts that must appear neither in a message nor in the output of the tests, which is searched for what
/// they have in common.
namespace azkv::test::secrets {

inline const std::string client_secret = "hush-client-secret~1.q";
inline const std::string reserved_secret = "hush +&=/%\xC3\xA9";
inline const std::string reserved_secret_in_form = "hush%20%2B%26%3D%2F%25%C3%A9";
inline const std::string passphrase = "hush, pass phrase";
inline const std::string wrong_passphrase = "hush, another";
inline const std::string federated_token = "hush.federated.token";
inline const std::string renewed_federated_token = "hush.federated.renewed";

inline const std::string identity_header = "hush-identity~header";
inline const std::string msi_secret = "hush-msi~secret";
inline const std::string arc_key = "hush+arc/key==";
inline const std::string arc_file = "hush-arc-file";

inline const std::string token = "hush-token-"; // a number completes it
inline const std::string access_token = "hush-access-token_1.x";
inline const std::string broken_access_token = "hush\\r\\nEvil: 1"; // as it is written in JSON
inline const std::string tool_token = "hush-token-of-a-tool.e30.c2ln";

inline const std::string key_passphrase = "hush-passphrase-5";
inline const std::string proxy_password = "hush:pass/word@6"; // to be percent-encoded in a URL
inline const std::string proxy_password_in_url = "hush%3Apass%2Fword%406";
inline const std::string other_proxy_password = "hush-other-password";

/// Returns whether a text contains one of them.
inline bool shown_in(std::string_view text) {
    return text.find("hush") != text.npos;
}

} // namespace azkv::test::secrets
