#include "identity/sas.hpp"

#include "ascii.hpp"

#include <azkv/error.hpp>

#include <boost/url/params_encoded_view.hpp>
#include <boost/url/parse_query.hpp>

namespace azkv::identity {

shared_access_signature::shared_access_signature(std::string_view token) {
    token = ascii::trim(token); // of what was copied with it
    if (token.starts_with('?')) token = ascii::trim(token.substr(1));
    if (token.starts_with("https://") || token.starts_with("http://"))
        throw error(errc::invalid_argument,
                    "the shared access signature is a URL; it is what stands behind the ? of that");
    token_.text = token;
    const auto parameters = boost::urls::parse_query(token_.text); // which Boost 1.81 reads up to a NUL
    if (!parameters || !parameters->contains("sig"))
        throw error(errc::invalid_argument, "the shared access signature is not a query with a sig");
}

} // namespace azkv::identity
