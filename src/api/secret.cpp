#include "support/wipe.hpp"

#include <azkv/secret.hpp>

#include <utility>

namespace azkv {

class [[gnu::visibility("hidden")]] secret::buffer : public wiped_string {
    using wiped_string::wiped_string;
};

secret::secret() noexcept = default;
secret::~secret() = default;
secret::secret(const secret&) noexcept = default;
secret::secret(secret&&) noexcept = default;
secret& secret::operator=(const secret&) noexcept = default;
secret& secret::operator=(secret&&) noexcept = default;

secret::secret(std::string&& t) {
    if (!t.empty()) text_ = std::make_shared<const buffer>(std::move(t));
    wipe(t); // moving a short string copies it
}

secret::secret(const std::string& t) : secret(std::string(t)) {}

secret::secret(const char* t) : secret(std::string(t ? t : "")) {}

secret::secret(std::string_view t) : secret(std::string(t)) {}

std::string_view secret::reveal() const noexcept {
    return text_ ? std::string_view(text_->text) : std::string_view();
}

bool secret::is(const secret& other) const noexcept {
    const std::string_view x = reveal();
    const std::string_view y = other.reveal();
    return x.size() == y.size() && CRYPTO_memcmp(x.data(), y.data(), x.size()) == 0;
}

} // namespace azkv
