#include "identity/sources/client_assertion.hpp"
#include "support/base64.hpp"
#include "support/certificates.hpp"
#include "support/identity_server.hpp"
#include "support/recorded_environment.hpp"
#include "support/rsa_certificates.hpp"
#include "support/run.hpp"

#include <boost/json/parse.hpp>
#include <doctest/doctest.h>
#include <openssl/err.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>

using namespace azkv;
using namespace azkv::identity;
using namespace azkv::test;
namespace json = boost::json;
using namespace std::chrono_literals;

namespace {

const auto noon = std::chrono::system_clock::from_time_t(1767323045); // 2026-01-02T03:04:05Z

proof_purpose purpose(bool adfs) {
    proof_purpose p;
    p.client_id = "app-1";
    p.token_url = adfs ? "https://fs.example/adfs/oauth2/token" : "https://login.example/t/oauth2/v2.0/token";
    p.adfs = adfs;
    p.now = noon + 999ms;
    return p;
}

/// The parts of a JWT.
class token_parts {
public:
    explicit token_parts(const std::string& jwt) {
        const auto first = jwt.find('.');
        const auto second = jwt.rfind('.');
        REQUIRE(first != jwt.npos);
        REQUIRE(first != second);
        CHECK(jwt.find_first_of("=+/") == jwt.npos);
        header = decode(jwt.substr(0, first));
        claims = decode(jwt.substr(first + 1, second - first - 1));
        signed_text = jwt.substr(0, second);
        signature = support::decode_base64_lenient(jwt.substr(second + 1)).value();
    }

    json::object object(const std::string& text) const { return json::parse(text).as_object(); }

    bool signed_by(EVP_PKEY* key, bool pss) const {
        const std::shared_ptr<EVP_MD_CTX> context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
        EVP_PKEY_CTX* how = nullptr;
        REQUIRE(EVP_DigestVerifyInit(context.get(), &how, EVP_sha256(), nullptr, key) == 1);
        REQUIRE(EVP_PKEY_CTX_set_rsa_padding(how, pss ? RSA_PKCS1_PSS_PADDING : RSA_PKCS1_PADDING) == 1);
        if (pss) REQUIRE(EVP_PKEY_CTX_set_rsa_pss_saltlen(how, 32) == 1);
        const bool good =
            EVP_DigestVerify(context.get(), reinterpret_cast<const unsigned char*>(signature.data()),
                             signature.size(), reinterpret_cast<const unsigned char*>(signed_text.data()),
                             signed_text.size())
            == 1;
        ERR_clear_error();
        return good;
    }

    std::string header;
    std::string claims;
    std::string signed_text;
    std::string signature;

private:
    static std::string decode(const std::string& part) {
        const auto text = support::decode_base64_lenient(part);
        REQUIRE(text.has_value());
        return *text;
    }
};

std::string digest(const std::string& bytes, const EVP_MD* how) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> out;
    unsigned n = 0;
    REQUIRE(EVP_Digest(bytes.data(), bytes.size(), out.data(), &n, how, nullptr) == 1);
    return std::string(reinterpret_cast<const char*>(out.data()), n);
}

token_parts assertion(const client_certificate& c, bool adfs, bool with_chain = false) {
    return token_parts(std::string(make_client_assertion(c, purpose(adfs), with_chain, "id-1").reveal()));
}

error refusal(const std::string& pem, const std::string& passphrase = {}) {
    const error e = failure_of([&] { client_certificate("the file a.pem", pem, secret(passphrase)); });
    CHECK(e.code() == errc::invalid_argument);
    CHECK(contains(e.what(), "the file a.pem"));
    CHECK_FALSE(secrets::shown_in(all_of(e)));
    CHECK_FALSE(contains(e.what(), "-----"));
    CHECK(ERR_peek_error() == 0);
    return e;
}

/// The certificate of an application, and those of its issuers.
class family {
public:
    issued_certificate root = issue("root", ec_key());
    issued_certificate middle = issue("middle", ec_key(), &root);
    issued_certificate leaf = issue("leaf", usual_rsa_key(), &middle);
    issued_certificate stranger = issue("stranger", ec_key());
};

void replace(const std::string& path, const std::string& content) {
    const auto before = std::filesystem::last_write_time(path);
    std::ofstream(path) << content;
    std::filesystem::last_write_time(path, before + 1s);
}

} // namespace

TEST_CASE("an assertion for Entra ID") {
    const issued_certificate own = issue("app", usual_rsa_key());
    const client_certificate c("", own.key_pem() + own.pem(), {});
    const token_parts t = assertion(c, false);
    CHECK(t.header
          == R"({"alg":"PS256","typ":"JWT","x5t#S256":")"
                 + support::encode_base64url(digest(own.der(), EVP_sha256())) + "\"}");
    CHECK(t.claims
          == R"({"aud":"https://login.example/t/oauth2/v2.0/token","iss":"app-1","sub":"app-1",)"
             R"("jti":"id-1","nbf":1767323045,"iat":1767323045,"exp":1767323645})");
    CHECK(t.signed_by(own.key.get(), true));
    CHECK_FALSE(t.signed_by(own.key.get(), false));
    token_parts changed = t;
    changed.signed_text.back() ^= 1;
    CHECK_FALSE(changed.signed_by(own.key.get(), true));
}

TEST_CASE("an assertion for AD FS") {
    const issued_certificate own = issue("app", usual_rsa_key());
    const client_certificate c("", own.pem() + own.key_pem(), {});
    const token_parts t = assertion(c, true);
    CHECK(t.header
          == R"({"alg":"RS256","typ":"JWT","x5t":")"
                 + support::encode_base64url(digest(own.der(), EVP_sha1())) + "\"}");
    CHECK(t.object(t.claims).at("aud") == "https://fs.example/adfs/oauth2/token");
    CHECK(t.signed_by(own.key.get(), false));
    CHECK_FALSE(t.signed_by(own.key.get(), true));
}

TEST_CASE("the chain begins with the application's own certificate in any order of the file") {
    const family f;
    std::vector<std::string> parts{f.leaf.pem(), f.middle.pem(), f.root.pem(), f.stranger.pem(),
                                   f.leaf.key_pem()};
    std::ranges::sort(parts);
    int orders = 0;
    do {
        std::string pem = "Bag Attributes\n    friendlyName: app\n";
        for (const std::string& part : parts) pem += part;
        const client_certificate c("", pem, {});
        CHECK(c.chain() == std::vector<std::string>{f.leaf.der(), f.middle.der(), f.root.der()});
        ++orders;
    } while (std::ranges::next_permutation(parts).found);
    CHECK(orders == 120);

    const client_certificate c("", f.root.pem() + f.leaf.key_pem() + f.middle.pem() + f.leaf.pem(), {});
    for (const bool adfs : {false, true}) {
        const token_parts t = assertion(c, adfs, true);
        const json::object header = t.object(t.header);
        const json::array expected{json::value(support::encode_base64(f.leaf.der())),
                                   json::value(support::encode_base64(f.middle.der())),
                                   json::value(support::encode_base64(f.root.der()))};
        CHECK(header.at("x5c") == expected);
        CHECK(header.contains(adfs ? "x5t" : "x5t#S256"));
    }
    CHECK_FALSE(contains(assertion(c, false).header, "x5c"));
}

TEST_CASE("an encrypted key is opened with the passphrase and without a prompt") {
    const issued_certificate own = issue("app", usual_rsa_key());
    for (const std::string& key : {own.key_pem(secrets::passphrase), own.old_key_pem(secrets::passphrase)}) {
        const std::string pem = own.pem() + key;
        const client_certificate c("", pem, secret(secrets::passphrase));
        CHECK(assertion(c, false).signed_by(own.key.get(), true));
        CHECK(contains(refusal(pem).what(), "has an encrypted key: pass its passphrase"));
        CHECK(contains(refusal(pem, secrets::wrong_passphrase).what(), "passphrase does not decrypt"));
        CHECK(contains(refusal(pem, secrets::passphrase + std::string(2000, 'x')).what(),
                       "passphrase does not decrypt"));
    }
    // An unneeded passphrase is ignored.
    CHECK_NOTHROW(client_certificate("", own.pem() + own.key_pem(), secret(secrets::passphrase)));
}

TEST_CASE("an unusable certificate is rejected") {
    const issued_certificate own = issue("app", usual_rsa_key());
    CHECK(contains(refusal("").what(), "no valid private key"));
    CHECK(contains(refusal("nothing of the kind").what(), "no valid private key"));
    CHECK(contains(refusal(own.pem()).what(), "no valid private key"));
    CHECK(contains(refusal(own.key_pem()).what(), "no certificate in PEM"));
    CHECK(contains(refusal(own.key_pem() + issue("other", ec_key()).pem()).what(),
                   "no certificate for its key"));
    const issued_certificate elliptic = issue("app", ec_key());
    CHECK(contains(refusal(elliptic.key_pem() + elliptic.pem()).what(), "not an RSA key"));
    const issued_certificate weak = issue("app", rsa_key(1024));
    CHECK(contains(refusal(weak.key_pem() + weak.pem()).what(), "fewer than 2048 bits"));
    const std::string cut = own.pem().substr(0, own.pem().size() / 2);
    CHECK(contains(refusal(own.key_pem() + cut).what(), "has a malformed certificate"));
    std::string damaged = own.pem();
    damaged.replace(damaged.find('\n') + 1, 8, "AAAAAAAA");
    CHECK(contains(refusal(own.key_pem() + own.pem() + damaged).what(), "has a malformed certificate"));
    std::string bad_key = own.key_pem();
    bad_key.replace(bad_key.find('\n') + 1, 8, "AAAAAAAA");
    CHECK(contains(refusal(bad_key + own.pem()).what(), "no valid private key"));
}

TEST_CASE("an unreadable file is named") {
    const auto complaint = [](const std::string& path) {
        const error e = failure_of([&] { prove_by_certificate(path, {}, false); });
        CHECK(e.code() == errc::invalid_argument);
        CHECK(contains(e.what(), path));
        return std::string(e.what());
    };
    CHECK(contains(complaint("/nowhere/app.pem"), "cannot be read: No such file"));
    CHECK(contains(complaint("/"), "cannot be read: Is a directory"));
    CHECK(contains(complaint("/dev/zero"), "cannot be read"));
    const temporary_file empty("");
    CHECK(contains(complaint(empty.path()), "no valid private key"));
}

TEST_CASE("a replaced certificate is used from the next token on") {
    const issued_certificate first = issue("first", usual_rsa_key());
    const issued_certificate second = issue("second", rsa_key());
    const temporary_file file(first.pem() + first.key_pem());
    certificate_file source(file.path(), {});
    const auto before = source.current();
    CHECK(before->chain().front() == first.der());
    CHECK(source.current() == before); // not read again

    replace(file.path(), second.pem()); // only half of it
    CHECK(source.current() == before);
    replace(file.path(), second.pem() + second.key_pem());
    const auto after = source.current();
    CHECK(after->chain().front() == second.der());
    CHECK(assertion(*after, false).signed_by(second.key.get(), true));

    std::filesystem::remove(file.path());
    CHECK(source.current() == after);
    CHECK(before->chain().front() == first.der()); // still valid for its users
}

TEST_CASE("a certificate proves the application") {
    const issued_certificate own = issue("app", usual_rsa_key());
    const temporary_file file(own.pem() + own.key_pem(secrets::passphrase));
    const client_proof prove = prove_by_certificate(file.path(), secret(secrets::passphrase), true);
    std::set<std::string> ids;
    for (int i = 0; i < 3; ++i) {
        std::string form;
        prove(form, purpose(false));
        CHECK(form.starts_with(
            "client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-"
            "bearer&client_assertion=ey"));
        const token_parts t(parse_form(form).at("client_assertion"));
        CHECK(t.signed_by(own.key.get(), true));
        CHECK(t.object(t.header).at("x5c").as_array().size() == 1);
        const std::string id(t.object(t.claims).at("jti").as_string());
        CHECK(id.size() == 36);
        CHECK(id[14] == '4'); // a random UUID
        ids.insert(id);
    }
    CHECK(ids.size() == 3);
}
