#include "identity/sources/client_certificate.hpp"

#include "support/freed_by.hpp"
#include "support/pem_passphrase.hpp"
#include "support/process.hpp"
#include "support/small_file.hpp"
#include "support/wipe.hpp"

#include <azkv/error.hpp>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <new>
#include <system_error>
#include <utility>

namespace azkv::identity {

namespace {

constexpr std::size_t max_file = 1024 * 1024;
constexpr int min_bits = 2048;
constexpr int salt_length = 32;

using bio = std::unique_ptr<BIO, support::freed_by<BIO_free>>;
using digest_context = std::unique_ptr<EVP_MD_CTX, support::freed_by<EVP_MD_CTX_free>>;
using x509 = std::unique_ptr<X509, support::freed_by<X509_free>>;

void free_key(EVP_PKEY* key) {
    const support::fork_pause pause;
    EVP_PKEY_free(key);
}

/// Keeps the errors of these calls out of OpenSSL's queue for this thread, where others would find them.
class error_queue {
public:
    error_queue() { ERR_clear_error(); }

    ~error_queue() { ERR_clear_error(); }

    error_queue(const error_queue&) = delete;
    error_queue& operator=(const error_queue&) = delete;
};

void check(bool holds) {
    if (!holds) throw std::bad_alloc(); // with a valid key, the only way to fail
}

bio reader(std::string_view text) {
    bio b(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
    check(b != nullptr);
    return b;
}

std::string digest(X509* certificate, const EVP_MD* how) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> bytes;
    unsigned size = 0;
    check(X509_digest(certificate, how, bytes.data(), &size) == 1);
    return std::string(reinterpret_cast<const char*>(bytes.data()), size);
}

std::string der(X509* certificate) {
    unsigned char* bytes = nullptr;
    const int n = i2d_X509(certificate, &bytes);
    check(n > 0);
    std::string text(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(n));
    OPENSSL_free(bytes);
    return text;
}

/// Removes the first element that fits from `all`, and returns it; null if none does.
template <class Fits>
x509 take(std::vector<x509>& all, Fits fits) {
    const auto found = std::ranges::find_if(all, fits);
    if (found == all.end()) return nullptr;
    x509 one = std::move(*found);
    all.erase(found);
    return one;
}

} // namespace

client_certificate::client_certificate(const std::string& name, std::string_view pem,
                                       const secret& passphrase) {
    const support::fork_pause pause;
    const error_queue errors;
    const auto refuse = [&](const char* why) { throw error(errc::invalid_argument, name + ' ' + why); };

    support::pem_passphrase source(passphrase);
    key_.reset(
        PEM_read_bio_PrivateKey(reader(pem).get(), nullptr, &support::pem_passphrase::callback, &source),
        &free_key);
    if (!key_ && source.requested() && passphrase.empty())
        refuse("has an encrypted key: pass its passphrase");
    if (!key_ && source.requested()) refuse("has an encrypted key that the passphrase does not decrypt");
    if (!key_) refuse("has no valid private key in PEM");
    if (EVP_PKEY_get_base_id(key_.get()) != EVP_PKEY_RSA) refuse("has a key that is not an RSA key");
    if (EVP_PKEY_get_bits(key_.get()) < min_bits) refuse("has an RSA key of fewer than 2048 bits");

    ERR_clear_error(); // left by the attempts to read the key in other forms
    std::vector<x509> all;
    const bio certificates = reader(pem);
    while (X509* const one = PEM_read_bio_X509(certificates.get(), nullptr, nullptr, nullptr))
        all.emplace_back(one);
    if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) refuse("has a malformed certificate");
    if (all.empty()) refuse("has no certificate in PEM");

    x509 next = take(all, [&](const x509& c) {
        const EVP_PKEY* const key = X509_get0_pubkey(c.get());
        return key && EVP_PKEY_eq(key, key_.get()) == 1;
    });
    if (!next) refuse("has no certificate for its key");
    sha1_ = digest(next.get(), EVP_sha1());
    sha256_ = digest(next.get(), EVP_sha256());
    while (next) {
        chain_.push_back(der(next.get()));
        next = take(all, [&](const x509& c) { return X509_check_issued(c.get(), next.get()) == X509_V_OK; });
    }
}

secret client_certificate::sign(std::string_view text, rsa_signature form) const {
    const support::fork_pause pause;
    const error_queue errors;
    const digest_context context(EVP_MD_CTX_new());
    check(context != nullptr);
    EVP_PKEY_CTX* how = nullptr; // owned by the context
    check(EVP_DigestSignInit(context.get(), &how, EVP_sha256(), nullptr, key_.get()) == 1);
    if (form == rsa_signature::pss) {
        check(EVP_PKEY_CTX_set_rsa_padding(how, RSA_PKCS1_PSS_PADDING) == 1);
        check(EVP_PKEY_CTX_set_rsa_mgf1_md(how, EVP_sha256()) == 1);
        check(EVP_PKEY_CTX_set_rsa_pss_saltlen(how, salt_length) == 1);
    }
    wiped_string signature;
    std::size_t size = static_cast<std::size_t>(EVP_PKEY_get_size(key_.get()));
    signature.text.resize(size);
    check(EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.text.data()), &size,
                         reinterpret_cast<const unsigned char*>(text.data()), text.size())
          == 1);
    signature.text.resize(size);
    return secret(std::move(signature.text));
}

certificate_file::certificate_file(std::string path, secret passphrase)
    : path_(std::move(path)), passphrase_(std::move(passphrase)) {
    std::error_code ec;
    changed_ =
        std::filesystem::last_write_time(path_, ec); // before reading, so that a change meanwhile is noticed
    last_ = read();
}

std::shared_ptr<const client_certificate> certificate_file::read() const {
    const std::string name = "the certificate file " + path_;
    wiped_string pem;
    if (const auto ec = support::read_small_file(path_, max_file, pem))
        throw error(errc::invalid_argument, name + " cannot be read: " + ec.message());
    return std::make_shared<const client_certificate>(name, pem.text, passphrase_);
}

std::shared_ptr<const client_certificate> certificate_file::current() {
    std::error_code ec;
    const auto changed = std::filesystem::last_write_time(path_, ec);
    {
        const support::fork_pause pause; // a forked child uses the mutex, too
        const std::lock_guard lock(mutex_);
        if (ec || changed == changed_) return last_;
    }
    std::shared_ptr<const client_certificate> fresh;
    try {
        fresh = read(); // without the mutex and the pause: it may take long
    } catch (const error&) {
        // The next call tries again.
    }
    const support::fork_pause pause;
    const std::lock_guard lock(mutex_);
    if (!fresh) return last_;
    last_ = std::move(fresh);
    changed_ = changed;
    return last_;
}

} // namespace azkv::identity
