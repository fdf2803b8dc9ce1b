#include "net/tls.hpp"

#include "net/address.hpp"
#include "support/ascii.hpp"
#include "support/freed_by.hpp"
#include "support/pem_passphrase.hpp"
#include "support/process.hpp"

#include <azkv/error.hpp>

#include <boost/algorithm/string/erase.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/error.hpp>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <array>
#include <filesystem>
#include <utility>

namespace azkv::net {

namespace ssl = asio::ssl;
using boost::system::error_code;

namespace {

std::string quoted(const std::string& file) {
    return '"' + file + '"';
}

[[noreturn]] void refuse(const std::string& why) {
    ERR_clear_error();
    throw error(errc::invalid_argument, why);
}

void free_context(ssl::context* context) noexcept {
    const support::fork_pause pause;
    delete context;
}

std::shared_ptr<ssl::context> make_context() {
    std::shared_ptr<ssl::context> context(new ssl::context(ssl::context::tls_client), free_context);
    context->set_options(ssl::context::no_compression);
    return context;
}

void load_authorities(ssl::context& context, const tls_options& o) {
    error_code ec;
    if (o.ca_file().empty() && o.ca_directory().empty()) context.set_default_verify_paths(ec);
    if (ec) refuse("cannot read the system's certificate authorities");
    if (!o.ca_file().empty()) context.load_verify_file(o.ca_file(), ec);
    if (ec) refuse("ca_file: cannot read certificate authorities from " + quoted(o.ca_file()));
    if (o.ca_directory().empty()) return;
    // OpenSSL reads the directory only during a handshake, and does not report a missing one.
    std::error_code unreadable;
    const std::filesystem::directory_iterator any(o.ca_directory(), unreadable);
    if (!unreadable) context.add_verify_path(o.ca_directory(), ec);
    if (unreadable || ec) refuse("ca_directory: cannot read the directory " + quoted(o.ca_directory()));
}

// By default OpenSSL would prompt on the terminal.
int no_password(char*, int, int, void*) {
    return -1;
}

void load_client_certificate(SSL_CTX* context, const tls_options& o) {
    const std::string& chain_file = o.client_chain_file();
    const std::string& key_file = o.client_key_file();
    if (chain_file.empty() && key_file.empty()) return;
    if (SSL_CTX_use_certificate_chain_file(context, chain_file.c_str()) != 1)
        refuse("client_certificate: cannot read a certificate from " + quoted(chain_file));

    const std::unique_ptr<BIO, support::freed_by<BIO_free>> file(BIO_new_file(key_file.c_str(), "r"));
    if (!file) refuse("client_certificate: cannot read the key file " + quoted(key_file));
    support::pem_passphrase passphrase(o.client_key_passphrase());
    const std::unique_ptr<EVP_PKEY, support::freed_by<EVP_PKEY_free>> key(
        PEM_read_bio_PrivateKey(file.get(), nullptr, &support::pem_passphrase::callback, &passphrase));
    if (!key && passphrase.requested() && o.client_key_passphrase().empty())
        refuse("client_certificate: the key in " + quoted(key_file) + " is encrypted; pass its passphrase");
    if (!key && passphrase.requested())
        refuse("client_certificate: cannot decrypt the key in " + quoted(key_file) + " with the passphrase");
    if (!key) refuse("client_certificate: cannot read a key from " + quoted(key_file));
    if (SSL_CTX_use_PrivateKey(context, key.get()) != 1)
        refuse("client_certificate: the key in " + quoted(key_file) + " does not match the certificate in "
               + quoted(chain_file));
}

// The index at which an SSL object refers to its tls_peer.
int peer_index() {
    static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
    return index;
}

int keep_verdict(int accepted, X509_STORE_CTX*) {
    return accepted;
}

error_code certificate_refused() {
    return error_code(static_cast<int>(ERR_PACK(ERR_LIB_SSL, 0, SSL_R_CERTIFICATE_VERIFY_FAILED)),
                      asio::error::get_ssl_category());
}

// `AB:CD:..` as `abcd..`
std::string plain_thumbprint(const std::string& text) {
    return ascii::to_lower(boost::algorithm::erase_all_copy(text, ":"));
}

std::string thumbprint_of(const X509* certificate) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::array<unsigned char, EVP_MAX_MD_SIZE> hash;
    unsigned int size = 0;
    if (!certificate || X509_digest(certificate, EVP_sha1(), hash.data(), &size) != 1) return {};
    std::string text;
    for (unsigned int i = 0; i < size; ++i) {
        text.push_back(digits[hash[i] >> 4]);
        text.push_back(digits[hash[i] & 15]);
    }
    return text;
}

bool names_a_host(const X509* certificate) {
    ERR_set_mark();
    const std::unique_ptr<GENERAL_NAMES, support::freed_by<GENERAL_NAMES_free>> names(
        static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
    ERR_pop_to_mark();
    for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
        const int type = sk_GENERAL_NAME_value(names.get(), i)->type;
        if (type == GEN_DNS || type == GEN_IPADD) return true;
    }
    return false;
}

std::string why_refused(int why, const X509* certificate) {
    const std::string text = X509_verify_cert_error_string(why);
    switch (why) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        if (certificate && !names_a_host(certificate))
            return text + ": the certificate has no subject alternative name; the common name is ignored";
        return text + ": the certificate was issued for another host";
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        return text + ": no trusted certificate authority has issued the certificate";
    default: return text;
    }
}

// Explains an alert or invalid data from the peer. The error code has OpenSSL's own text.
const char* explanation(int reason, const SSL* ssl) {
    const bool sent = SSL_get_certificate(ssl) != nullptr;
    switch (reason) {
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
        return "the peer supports only older versions of TLS than minimum_version";
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_PACKET_LENGTH_TOO_LONG:
    case SSL_R_HTTP_REQUEST: return "the peer does not speak TLS";
    case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED: return "the peer requires a client certificate";
    case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE: {
        const unsigned char* kinds = nullptr;
        const bool asked = SSL_get0_certificate_types(const_cast<SSL*>(ssl), &kinds) > 0;
        return asked && !sent ? "the peer requires a client certificate" : "";
    }
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA: return sent ? "the peer rejected the client certificate" : "";
    default: return "";
    }
}

} // namespace

/// The callbacks of OpenSSL.
class tls_callbacks {
public:
    // Replaces OpenSSL's verification, to which it usually delegates.
    static int verify(X509_STORE_CTX* chain, void*) {
        const void* const ssl = X509_STORE_CTX_get_ex_data(chain, SSL_get_ex_data_X509_STORE_CTX_idx());
        tls_peer* const peer = ssl ? peer_of(static_cast<const SSL*>(ssl)) : nullptr;
        try {
            if (peer && peer->verify(chain)) return 1;
        } catch (const std::exception&) {
        }
        if (X509_STORE_CTX_get_error(chain) == X509_V_OK)
            X509_STORE_CTX_set_error(chain, X509_V_ERR_APPLICATION_VERIFICATION);
        return 0;
    }

    static int keep_session(SSL* ssl, SSL_SESSION* session) {
        try {
            if (const tls_peer* const peer = peer_of(ssl)) peer->client_->sessions().put(peer->key_, session);
        } catch (const std::exception&) {
        }
        return 0; // OpenSSL keeps ownership
    }

private:
    static tls_peer* peer_of(const SSL* ssl) {
        return static_cast<tls_peer*>(SSL_get_ex_data(ssl, peer_index()));
    }
};

tls_client::tls_client(const tls_options& o) {
    const int oldest = o.minimum_version() == tls_version::v1_3 ? TLS1_3_VERSION : TLS1_2_VERSION;
    {
        const support::fork_pause pause;
        context_ = make_context();
        SSL_CTX* const context = context_->native_handle();
        SSL_CTX_set_min_proto_version(context, oldest);
        SSL_CTX_set_default_passwd_cb(context, &no_password);
        load_authorities(*context_, o);
        load_client_certificate(context, o);
    }
    if (o.configure()) o.configure()(*context_);

    // Overrides whatever the hook has set: peers are always verified, and by this class.
    const support::fork_pause pause;
    SSL_CTX* const context = context_->native_handle();
    if (SSL_CTX_get_min_proto_version(context) < oldest) SSL_CTX_set_min_proto_version(context, oldest);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, &keep_verdict);
    SSL_CTX_set_cert_verify_callback(context, &tls_callbacks::verify, nullptr);
    X509_STORE* const store = SSL_CTX_get_cert_store(context);
    X509_STORE_set_verify(store, nullptr);
    X509_STORE_set_verify_cb(store, nullptr);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context, &tls_callbacks::keep_session);
    ERR_clear_error();
}

tls_client::~tls_client() = default;

bool has_settings(const tls_options& o) {
    return !o.ca_file().empty() || !o.ca_directory().empty() || !o.client_chain_file().empty()
           || !o.client_key_file().empty() || o.minimum_version() != tls_options().minimum_version()
           || o.configure();
}

bool is_pending(SSL* ssl) {
    const support::fork_pause pause;
    char unread = 0;
    ERR_clear_error(); // errors left by other code would be taken for this call's
    const int n = SSL_peek(ssl, &unread, 1);
    const bool readable = n > 0 || SSL_get_error(ssl, n) != SSL_ERROR_WANT_READ;
    const bool pending = readable || SSL_has_pending(ssl) == 1; // or a part of a record
    ERR_clear_error();
    return pending;
}

tls_peer::tls_peer(std::shared_ptr<tls_client> client, const protocol::authority& to)
    : client_(std::move(client)), host_(to.host), thumbprint_(plain_thumbprint(to.thumbprint)) {
    if (host_.ends_with('.')) host_.pop_back(); // certificates have no final dot
    key_.append(host_).append(" ").append(to.port).append(" ").append(thumbprint_);
}

error_code tls_peer::prepare(SSL* ssl) {
    const support::fork_pause pause;
    SSL_set_verify(ssl, SSL_VERIFY_PEER, &keep_verdict);
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    const bool expected = is_address(host_)
                              ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host_.c_str()) == 1
                              : !host_.empty() && SSL_set1_host(ssl, host_.c_str()) == 1
                                    && SSL_set_tlsext_host_name(ssl, host_.c_str()) == 1;
    if (!expected || SSL_set_ex_data(ssl, peer_index(), this) != 1) return asio::error::invalid_argument;
    const session_cache::session known = client_->sessions().take(key_);
    resumes_ = known && SSL_set_session(ssl, known.get()) == 1;
    return {};
}

error_code tls_peer::check(SSL* ssl) {
    const support::fork_pause pause;
    // Some ciphers need no certificate; they are off by default.
    if (!SSL_get0_peer_certificate(ssl)) refusal_ = "the peer presented no certificate";
    if (!refusal_.empty() || SSL_get_verify_result(ssl) != X509_V_OK) return certificate_refused();
    verified_ = true;
    return {};
}

bool tls_peer::verify(X509_STORE_CTX* chain) {
    const X509* const certificate = X509_STORE_CTX_get0_cert(chain);
    if (!thumbprint_.empty()) {
        if (thumbprint_of(certificate) == thumbprint_) {
            X509_STORE_CTX_set_error(chain, X509_V_OK);
            return true;
        }
        refusal_ = "the certificate's thumbprint does not match";
        return false;
    }
    if (X509_verify_cert(chain) == 1) return true;
    refusal_ = why_refused(X509_STORE_CTX_get_error(chain), certificate);
    return false;
}

std::string tls_peer::explain(const SSL* ssl, error_code ec) {
    const support::fork_pause pause;
    if (!verified_) {
        if (resumes_) client_->sessions().forget(key_); // a session may be the cause
        if (!refusal_.empty()) return refusal_;
        if (ec == asio::error::eof || ec == ssl::error::stream_truncated
            || ec == asio::error::connection_reset)
            return "the peer closed the connection during the handshake";
    }
    if (ec.category() != asio::error::get_ssl_category()) return {};
    return explanation(ERR_GET_REASON(static_cast<unsigned long>(ec.value())), ssl);
}

} // namespace azkv::net
