#include "identity/sources/client_assertion.hpp"

#include "identity/sources/web_client.hpp"
#include "support/base64.hpp"
#include "support/wipe.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <boost/uuid/random_generator.hpp>
#include <boost/uuid/uuid_io.hpp>

#include <memory>
#include <utility>

namespace azkv::identity {

namespace json = boost::json;

namespace {

constexpr std::chrono::seconds lifetime{600};

// AD FS supports only PKCS #1 and SHA-1 thumbprints.
json::object header(const client_certificate& c, bool adfs, bool with_chain) {
    json::object h;
    h["alg"] = adfs ? "RS256" : "PS256";
    h["typ"] = "JWT";
    if (adfs)
        h["x5t"] = support::encode_base64url(c.sha1());
    else
        h["x5t#S256"] = support::encode_base64url(c.sha256());
    if (with_chain) {
        json::array chain;
        for (const std::string& one : c.chain()) chain.emplace_back(support::encode_base64(one));
        h["x5c"] = std::move(chain);
    }
    return h;
}

json::object claims(const proof_purpose& p, std::string_view id) {
    const auto now = std::chrono::floor<std::chrono::seconds>(p.now.time_since_epoch());
    json::object c;
    c["aud"] = p.token_url;
    c["iss"] = p.client_id;
    c["sub"] = p.client_id;
    c["jti"] = id;
    c["nbf"] = now.count();
    c["iat"] = now.count();
    c["exp"] = (now + lifetime).count();
    return c;
}

} // namespace

secret make_client_assertion(const client_certificate& certificate, const proof_purpose& purpose,
                             bool with_chain, std::string_view id) {
    std::string text =
        support::encode_base64url(json::serialize(header(certificate, purpose.adfs, with_chain)));
    text.append(".").append(support::encode_base64url(json::serialize(claims(purpose, id))));
    const secret signature = certificate.sign(text, purpose.adfs ? rsa_signature::pkcs1 : rsa_signature::pss);
    const wiped_string last(support::encode_base64url(signature.reveal()));
    text.reserve(text.size() + 1
                 + last.text.size()); // growing leaves a copy, which must not hold the signature
    text.append(".").append(last.text);
    return secret(std::move(text));
}

void append_client_assertion(std::string& form, std::string_view assertion) {
    append_parameter(form, "client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
    append_parameter(form, "client_assertion", assertion);
}

client_proof prove_by_certificate(std::string file, secret passphrase, bool with_chain) {
    const auto source = std::make_shared<certificate_file>(std::move(file), std::move(passphrase));
    return [source, with_chain](std::string& form, const proof_purpose& purpose) {
        const std::string id = boost::uuids::to_string(boost::uuids::random_generator()());
        append_client_assertion(form,
                                make_client_assertion(*source->current(), purpose, with_chain, id).reveal());
    };
}

} // namespace azkv::identity
