#include <azkv/tls_options.hpp>

#include <utility>

namespace azkv {

tls_options& tls_options::ca_file(std::string path) {
    ca_file_ = std::move(path);
    return *this;
}

tls_options& tls_options::ca_directory(std::string path) {
    ca_directory_ = std::move(path);
    return *this;
}

tls_options& tls_options::client_certificate(std::string chain_file, std::string key_file,
                                             secret passphrase) {
    client_chain_file_ = std::move(chain_file);
    client_key_file_ = std::move(key_file);
    client_key_passphrase_ = std::move(passphrase);
    return *this;
}

tls_options& tls_options::minimum_version(tls_version v) {
    minimum_version_ = v;
    return *this;
}

tls_options& tls_options::configure(context_hook hook) {
    configure_ = std::move(hook);
    return *this;
}

} // namespace azkv
