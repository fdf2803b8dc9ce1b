#include "support/rsa_certificates.hpp"

#include <doctest/doctest.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include <utility>

namespace azkv::test {

namespace {

class memory {
public:
    memory() : bio_(BIO_new(BIO_s_mem()), &BIO_free) {}

    operator BIO*() const { return bio_.get(); }

    std::string text() const {
        char* data = nullptr;
        const long n = BIO_get_mem_data(bio_.get(), &data);
        return std::string(data, static_cast<std::size_t>(n));
    }

private:
    std::shared_ptr<BIO> bio_;
};

const unsigned char* bytes_of(const std::string& s) {
    return reinterpret_cast<const unsigned char*>(s.data());
}

} // namespace

std::string issued_certificate::pem() const {
    const memory to;
    REQUIRE(PEM_write_bio_X509(to, x509.get()) == 1);
    return to.text();
}

std::string issued_certificate::der() const {
    const memory to;
    REQUIRE(i2d_X509_bio(to, x509.get()) == 1);
    return to.text();
}

std::string issued_certificate::key_pem() const {
    const memory to;
    REQUIRE(PEM_write_bio_PKCS8PrivateKey(to, key.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1);
    return to.text();
}

std::string issued_certificate::key_pem(const std::string& passphrase) const {
    const memory to;
    const bool written = PEM_write_bio_PKCS8PrivateKey(to, key.get(), EVP_aes_256_cbc(), passphrase.data(),
                                                       static_cast<int>(passphrase.size()), nullptr, nullptr)
                         == 1;
    REQUIRE(written);
    return to.text();
}

std::string issued_certificate::old_key_pem(const std::string& passphrase) const {
    const memory to;
    const bool written =
        PEM_write_bio_PrivateKey_traditional(to, key.get(), EVP_aes_256_cbc(), bytes_of(passphrase),
                                             static_cast<int>(passphrase.size()), nullptr, nullptr)
        == 1;
    REQUIRE(written);
    return to.text();
}

std::shared_ptr<EVP_PKEY> rsa_key(unsigned bits) {
    const std::shared_ptr<EVP_PKEY> key(EVP_RSA_gen(bits), &EVP_PKEY_free);
    REQUIRE(key);
    return key;
}

std::shared_ptr<EVP_PKEY> ec_key() {
    const std::shared_ptr<EVP_PKEY> key(EVP_EC_gen("P-256"), &EVP_PKEY_free);
    REQUIRE(key);
    return key;
}

issued_certificate issue(const std::string& subject, std::shared_ptr<EVP_PKEY> key,
                         const issued_certificate* issuer) {
    issued_certificate c;
    c.key = std::move(key);
    c.x509.reset(X509_new(), &X509_free);
    X509* const x = c.x509.get();
    X509_set_version(x, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), -60);
    X509_gmtime_adj(X509_getm_notAfter(x), 3600);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC, bytes_of(subject), -1, -1, 0);
    X509_set_issuer_name(x, X509_get_subject_name(issuer ? issuer->x509.get() : x));
    X509_set_pubkey(x, c.key.get());
    REQUIRE(X509_sign(x, issuer ? issuer->key.get() : c.key.get(), EVP_sha256()) > 0);
    return c;
}

std::shared_ptr<EVP_PKEY> usual_rsa_key() {
    static const std::shared_ptr<EVP_PKEY> key = rsa_key();
    return key;
}

} // namespace azkv::test
