#include "support/certificates.hpp"

#include <doctest/doctest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <unistd.h>
#include <utility>

namespace azkv::test {

namespace {

template <auto Free>
class freed_by {
public:
    template <class T>
    void operator()(T* p) const {
        Free(p);
    }
};

std::string text_of(BIO* bio) {
    char* data = nullptr;
    const long n = BIO_get_mem_data(bio, &data);
    return std::string(data, static_cast<std::size_t>(n));
}

using key_pair = std::unique_ptr<EVP_PKEY, freed_by<EVP_PKEY_free>>;
using x509 = std::unique_ptr<X509, freed_by<X509_free>>;
using memory = std::unique_ptr<BIO, freed_by<BIO_free>>;

x509 unsigned_certificate(const certificate_text& text, EVP_PKEY* key, bool authority) {
    static std::atomic<long> serial{0};
    x509 x(X509_new());
    REQUIRE(x);
    X509_set_version(x.get(), X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x.get()), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(x.get()), static_cast<long>(text.from.count()));
    X509_gmtime_adj(X509_getm_notAfter(x.get()), static_cast<long>(text.until.count()));
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x.get()), "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(text.common_name.c_str()), -1, -1, 0);
    X509_set_pubkey(x.get(), key);
    const auto add = [&](int kind, const std::string& content) {
        X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, nullptr, kind, content.c_str());
        REQUIRE(extension);
        X509_add_ext(x.get(), extension, -1);
        X509_EXTENSION_free(extension);
    };
    std::string names;
    for (const std::string& name : text.names) names.append(names.empty() ? "" : ",").append(name);
    if (!names.empty()) add(NID_subject_alt_name, names);
    if (authority) add(NID_basic_constraints, "critical,CA:TRUE");
    return x;
}

key_pair new_key(bool rsa) {
    key_pair key(rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256"));
    REQUIRE(key);
    return key;
}

std::string pem_of(X509* x) {
    const memory bio(BIO_new(BIO_s_mem()));
    PEM_write_bio_X509(bio.get(), x);
    return text_of(bio.get());
}

certificate in_pem(X509* x, EVP_PKEY* key) {
    certificate c;
    const memory bio(BIO_new(BIO_s_mem()));
    PEM_write_bio_PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr);
    c.chain = pem_of(x);
    c.key = text_of(bio.get());
    return c;
}

memory reader(const std::string& text) {
    return memory(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

} // namespace

certificate self_signed(const std::string& host) {
    const key_pair key = new_key(false);
    const bool address = host[0] >= '0' && host[0] <= '9';
    const x509 x =
        unsigned_certificate(certificate_text({(address ? "IP:" : "DNS:") + host}), key.get(), false);
    X509_set_issuer_name(x.get(), X509_get_subject_name(x.get()));
    REQUIRE(X509_sign(x.get(), key.get(), EVP_sha256()) > 0);
    return in_pem(x.get(), key.get());
}

class certificate_authority::implementation {
public:
    explicit implementation(std::string common_name) : key(new_key(false)) {
        certificate_text text;
        text.common_name = std::move(common_name);
        own = unsigned_certificate(text, key.get(), true);
        X509_set_issuer_name(own.get(), X509_get_subject_name(own.get()));
        REQUIRE(X509_sign(own.get(), key.get(), EVP_sha256()) > 0);
    }

    key_pair key;
    x509 own;
};

certificate_authority::certificate_authority(std::string common_name)
    : impl_(std::make_unique<const implementation>(std::move(common_name))) {}

certificate_authority::~certificate_authority() = default;

certificate certificate_authority::issue(const certificate_text& text) const {
    const key_pair key = new_key(text.rsa);
    const x509 x = unsigned_certificate(text, key.get(), false);
    X509_set_issuer_name(x.get(), X509_get_subject_name(impl_->own.get()));
    REQUIRE(X509_sign(x.get(), impl_->key.get(), EVP_sha256()) > 0);
    return in_pem(x.get(), key.get());
}

std::string certificate_authority::pem() const {
    return pem_of(impl_->own.get());
}

std::string certificate_authority::hashed_name() const {
    int ok = 0;
    const unsigned long hash =
        X509_NAME_hash_ex(X509_get_subject_name(impl_->own.get()), nullptr, nullptr, &ok);
    REQUIRE(ok == 1);
    std::array<char, 16> name;
    std::snprintf(name.data(), name.size(), "%08lx.0", hash);
    return name.data();
}

std::string encrypted_key(const certificate& c, const std::string& passphrase) {
    const key_pair key(PEM_read_bio_PrivateKey(reader(c.key).get(), nullptr, nullptr, nullptr));
    REQUIRE(key);
    const memory bio(BIO_new(BIO_s_mem()));
    PEM_write_bio_PKCS8PrivateKey(bio.get(), key.get(), EVP_aes_256_cbc(), passphrase.data(),
                                  static_cast<int>(passphrase.size()), nullptr, nullptr);
    return text_of(bio.get());
}

std::string thumbprint(const certificate& c) {
    const x509 x(PEM_read_bio_X509(reader(c.chain).get(), nullptr, nullptr, nullptr));
    REQUIRE(x);
    std::array<unsigned char, EVP_MAX_MD_SIZE> hash;
    unsigned int size = 0;
    X509_digest(x.get(), EVP_sha1(), hash.data(), &size);
    std::string text;
    for (unsigned int i = 0; i < size; ++i) {
        std::array<char, 4> byte;
        std::snprintf(byte.data(), byte.size(), "%s%02X", i == 0 ? "" : ":", hash[i]);
        text += byte.data();
    }
    return text;
}

temporary_file::temporary_file(const std::string& content)
    : path_((std::filesystem::temp_directory_path() / "azkv-test-XXXXXX").string()) {
    const int fd = mkstemp(path_.data());
    REQUIRE(fd >= 0);
    ::close(fd);
    std::ofstream(path_) << content;
}

temporary_file::~temporary_file() {
    std::filesystem::remove(path_);
}

} // namespace azkv::test
