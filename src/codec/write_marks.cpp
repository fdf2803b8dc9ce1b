#include "codec/write_marks.hpp"

#include "support/base64.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <new>

namespace azkv::codec {

namespace {

constexpr std::size_t id_size = 8;
constexpr std::size_t hash_size = 6;
constexpr std::size_t text_size = 19; // of 14 bytes in base64url

void append_number(std::string& bytes, std::uint64_t n, std::size_t size) {
    for (std::size_t i = size; i-- > 0;) bytes.push_back(static_cast<char>(n >> (8 * i) & 0xFF));
}

std::uint64_t read_number(std::string_view bytes) {
    std::uint64_t n = 0;
    for (const char c : bytes) n = n << 8 | static_cast<unsigned char>(c);
    return n;
}

} // namespace

std::uint64_t hash_of(const entity_key& key, const etag& version) {
    std::string text; // no stored key has a line end
    text.reserve(key.partition.size() + key.row.size() + version.text().size() + 2);
    text.append(key.partition).append("\n").append(key.row).append("\n").append(version.text());
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
    static const EVP_MD* const sha256 = EVP_MD_fetch(nullptr, "SHA256", nullptr); // once: it is slow
    if (!sha256 || EVP_Digest(text.data(), text.size(), digest.data(), nullptr, sha256, nullptr) != 1)
        throw std::bad_alloc();
    return read_number({reinterpret_cast<const char*>(digest.data()), hash_size});
}

write_marks::write_marks(std::string_view text) {
    if (text.size() % text_size != 0 || text.size() > most * text_size) return;
    for (; !text.empty(); text.remove_prefix(text_size)) {
        const auto bytes = support::decode_base64_lenient(text.substr(0, text_size));
        if (!bytes || bytes->size() != id_size + hash_size) {
            all_.clear();
            return;
        }
        const std::string_view both = *bytes;
        all_.emplace_back(read_number(both.substr(0, id_size)), read_number(both.substr(id_size)));
    }
}

void write_marks::add(const write_mark& m) {
    if (all_.size() == most) all_.pop_back();
    all_.insert(all_.begin(), m);
}

bool write_marks::has(std::uint64_t id) const {
    return std::ranges::find(all_, id, &write_mark::id) != all_.end();
}

bool write_marks::others_replaced(std::uint64_t version_hash, std::uint64_t id) const {
    return std::ranges::any_of(all_,
                               [&](const write_mark& m) { return m.replaced == version_hash && m.id != id; });
}

std::string write_marks::text() const {
    std::string text;
    text.reserve(all_.size() * text_size);
    std::string bytes;
    for (const write_mark& m : all_) {
        bytes.clear();
        append_number(bytes, m.id, id_size);
        append_number(bytes, m.replaced, hash_size);
        text.append(support::encode_base64url(bytes));
    }
    return text;
}

} // namespace azkv::codec
