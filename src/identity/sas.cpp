#include "identity/sas.hpp"

#include <azkv/error.hpp>

#include <boost/algorithm/string/trim.hpp>
#include <boost/url/params_encoded_view.hpp>
#include <boost/url/parse_query.hpp>
#include <openssl/crypto.h>

namespace azkv::identity {

shared_access_signature::shared_access_signature(std::string_view token) : token_(token) {
    boost::algorithm::trim(token_); // of what was copied with it
    if (token_.starts_with('?')) boost::algorithm::trim(token_.erase(0, 1));
    if (token_.starts_with("https://") || token_.starts_with("http://"))
        throw error(errc::invalid_argument,
                    "the shared access signature is a URL; it is what stands behind the ? of that");
    const auto parameters = boost::urls::parse_query(token_);
    if (!parameters || !parameters->contains("sig"))
        throw error(errc::invalid_argument, "the shared access signature is not a query with a sig");
}

shared_access_signature::~shared_access_signature() {
    OPENSSL_cleanse(token_.data(), token_.size());
}

} // namespace azkv::identity
