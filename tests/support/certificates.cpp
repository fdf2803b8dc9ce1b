#include "support/certificates.hpp"

#include <doctest/doctest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <unistd.h>

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

} // namespace

certificate self_signed(const std::string& host) {
    const std::unique_ptr<EVP_PKEY, freed_by<EVP_PKEY_free>> key(EVP_EC_gen("P-256"));
    const std::unique_ptr<X509, freed_by<X509_free>> x(X509_new());
    REQUIRE(key);
    REQUIRE(x);
    X509_set_version(x.get(), X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x.get()), 1);
    X509_gmtime_adj(X509_getm_notBefore(x.get()), -60);
    X509_gmtime_adj(X509_getm_notAfter(x.get()), 3600);
    X509_NAME* const name = X509_get_subject_name(x.get());
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("test"), -1,
                               -1, 0);
    X509_set_issuer_name(x.get(), name);
    X509_set_pubkey(x.get(), key.get());
    const bool address = host[0] >= '0' && host[0] <= '9';
    const std::string names = (address ? "IP:" : "DNS:") + host;
    X509_EXTENSION* const extension =
        X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, names.c_str());
    REQUIRE(extension);
    X509_add_ext(x.get(), extension, -1);
    X509_EXTENSION_free(extension);
    REQUIRE(X509_sign(x.get(), key.get(), EVP_sha256()) > 0);

    certificate c;
    const std::unique_ptr<BIO, freed_by<BIO_free>> chain(BIO_new(BIO_s_mem()));
    const std::unique_ptr<BIO, freed_by<BIO_free>> secret(BIO_new(BIO_s_mem()));
    PEM_write_bio_X509(chain.get(), x.get());
    PEM_write_bio_PrivateKey(secret.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    c.chain = text_of(chain.get());
    c.key = text_of(secret.get());
    return c;
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
