#include "identity/tokens/shared_key.hpp"

#include "protocol/http_date.hpp"

#include <azkv/error.hpp>

#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <algorithm>
#include <array>
#include <new>
#include <vector>

namespace azkv::identity {

namespace {

/// The bytes of a key, wiped on destruction.
class key_bytes {
public:
    explicit key_bytes(std::string_view base64) : bytes_(base64.size() / 4 * 3) {
        const auto refuse = [] {
            throw error(errc::invalid_argument, "invalid account key: it must be base64 text");
        };
        // The decoder accepts padding anywhere, and blanks around the text.
        const bool blank = base64.find_first_of(" \t\r\n") != base64.npos;
        if (base64.empty() || base64.size() % 4 != 0 || blank || base64.find('=') < base64.size() - 2)
            refuse();
        const int n = EVP_DecodeBlock(bytes_.data(), reinterpret_cast<const unsigned char*>(base64.data()),
                                      static_cast<int>(base64.size()));
        if (n < 0) refuse();
        size_ = static_cast<std::size_t>(n) - base64.ends_with("=") - base64.ends_with("==");
    }

    ~key_bytes() { OPENSSL_cleanse(bytes_.data(), bytes_.size()); }

    key_bytes(const key_bytes&) = delete;
    key_bytes& operator=(const key_bytes&) = delete;

    const unsigned char* data() const { return bytes_.data(); }

    std::size_t size() const { return size_; }

private:
    std::vector<unsigned char> bytes_;
    std::size_t size_ = 0;
};

void check(int result) {
    if (result != 1) throw std::bad_alloc(); // the only way that the HMAC of a short text fails
}

} // namespace

std::string string_to_sign(shared_key_scheme scheme, const shared_key_input& input) {
    // A fragment is not signed; Boost.URL 1.81 reads beyond an empty query before one.
    const std::string_view target = input.request.target.substr(0, input.request.target.find('#'));
    const auto path = target.substr(0, target.find('?'));
    std::string text;
    text.reserve(input.request.method.size() + input.request.content_type.size() + input.date.size()
                 + input.account.size() + target.size() + 16);
    if (scheme == shared_key_scheme::full) {
        text.append(input.request.method).append("\n");
        text.append(input.content_md5).append("\n");
        text.append(input.request.content_type).append("\n");
    }
    text.append(input.date).append("\n/");
    text.append(input.account).append(path.empty() ? "/" : path);
    // Of the query, only `comp` is signed.
    if (const auto query = target.substr(path.size()); query.find("comp=") != query.npos)
        if (const auto url = boost::urls::parse_relative_ref(query))
            if (const auto comp = url->encoded_params().find("comp"); comp != url->encoded_params().end())
                text.append("?comp=").append(std::string_view((*comp).value));
    return text;
}

void hmac_sha256::context_deleter::operator()(evp_mac_ctx_st* context) const {
    EVP_MAC_CTX_free(context);
}

hmac_sha256::hmac_sha256(std::string_view base64_key) {
    const key_bytes key(base64_key);
    EVP_MAC* const mac = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
    if (!mac) throw std::bad_alloc();
    context_.reset(EVP_MAC_CTX_new(mac));
    EVP_MAC_free(mac); // the context holds a reference of its own
    if (!context_) throw std::bad_alloc();
    char digest[] = "SHA256";
    const OSSL_PARAM parameters[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                                     OSSL_PARAM_construct_end()};
    check(EVP_MAC_init(context_.get(), key.data(), key.size(), parameters));
}

hmac_sha256::hmac_sha256(const hmac_sha256& other) : context_(EVP_MAC_CTX_dup(other.context_.get())) {
    if (!context_) throw std::bad_alloc();
}

std::string hmac_sha256::sign(std::string_view text) {
    std::string signature;
    sign(text, signature);
    return signature;
}

void hmac_sha256::sign(std::string_view text, std::string& to) {
    std::array<unsigned char, 32> mac;
    std::size_t size = 0;
    check(EVP_MAC_init(context_.get(), nullptr, 0, nullptr)); // keeps the key
    check(EVP_MAC_update(context_.get(), reinterpret_cast<const unsigned char*>(text.data()), text.size()));
    check(EVP_MAC_final(context_.get(), mac.data(), &size, mac.size()));
    std::array<unsigned char, 48> base64;
    const int n = EVP_EncodeBlock(base64.data(), mac.data(), static_cast<int>(size));
    to.append(reinterpret_cast<const char*>(base64.data()), static_cast<std::size_t>(n));
}

shared_key::shared_key(std::string account, std::string_view base64_key)
    : account_(std::move(account)), mac_(base64_key) {
    // The name becomes part of a header.
    const bool printable =
        std::ranges::all_of(account_, [](char c) { return c > ' ' && c < 0x7F && c != ':'; });
    if (account_.empty() || !printable)
        throw error(errc::invalid_argument,
                    "invalid account name: it must be visible ASCII characters without a colon");
}

void shared_key::append_headers(std::string& head, const signing_input& request,
                                std::chrono::system_clock::time_point now) const {
    std::unique_ptr<signer> s = take_signer();
    if (const std::time_t second = std::chrono::system_clock::to_time_t(now); second != s->second) {
        s->second = second;
        s->date = protocol::http_date(now);
    }
    shared_key_input input;
    input.request = request;
    input.date = s->date;
    input.account = account_;
    const std::string text = string_to_sign(shared_key_scheme::full, input);
    head.append("x-ms-date: ").append(s->date);
    head.append("\r\nAuthorization: SharedKey ").append(account_).append(":");
    s->mac.sign(text, head);
    head.append("\r\n");
    const std::lock_guard lock(mutex_);
    unused_.push_back(std::move(s));
}

std::unique_ptr<shared_key::signer> shared_key::take_signer() const {
    {
        const std::lock_guard lock(mutex_);
        if (!unused_.empty()) {
            std::unique_ptr<signer> last = std::move(unused_.back());
            unused_.pop_back();
            return last;
        }
    }
    return std::make_unique<signer>(mac_);
}

} // namespace azkv::identity
