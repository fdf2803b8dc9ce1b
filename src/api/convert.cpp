#include "client/operation_label.hpp"
#include "codec/equality.hpp"
#include "codec/names.hpp"

#include <azkv/convert.hpp>

#include <boost/json/error.hpp>
#include <boost/json/kind.hpp>

namespace azkv {

namespace {

namespace json = boost::json;

std::string_view kind_of(const json::value& v) {
    switch (v.kind()) {
    case json::kind::null: return "null";
    case json::kind::bool_: return "a boolean";
    case json::kind::int64:
    case json::kind::uint64: return "an integer";
    case json::kind::double_: return "a double";
    case json::kind::string: return "a string";
    case json::kind::array: return "an array";
    case json::kind::object: return "an object";
    }
    return "of an unknown kind";
}

std::string number_of_elements(std::size_t n) {
    return std::to_string(n) + (n == 1 ? " element" : " elements");
}

} // namespace

namespace detail {

place place::member(std::string_view name) const {
    place p;
    p.path_ = path_;
    if (!p.path_.empty()) p.path_ += '.';
    p.path_ += name;
    return p;
}

place place::element(std::size_t i) const {
    place p;
    p.path_ = path_ + '[' + std::to_string(i) + ']';
    return p;
}

std::string place::text() const {
    return path_.empty() ? "the value" : "member " + codec::in_quotes(path_);
}

std::string place::missing() const {
    return text() + " is missing";
}

std::string place::unknown() const {
    return text() + " does not exist in the type";
}

std::string place::wrong_size(std::size_t found, std::size_t expected) const {
    return text() + " has " + number_of_elements(found) + ", not " + std::to_string(expected);
}

std::string place::unfit(const boost::system::error_code& why, const json::value& found) const {
    const std::string is = text() + " is " + std::string(kind_of(found));
    if (why == json::error::not_number) return is + ", not a number";
    if (why == json::error::not_exact) return is + " that the type cannot hold";
    if (why == json::error::not_null) return is + ", not null";
    if (why == json::error::not_bool) return is + ", not a boolean";
    if (why == json::error::not_array) return is + ", not an array";
    if (why == json::error::not_object) return is + ", not an object";
    if (why == json::error::not_string) return is + ", not a string";
    if (why == json::error::exhausted_variants) return is + ", which no alternative of the variant accepts";
    if (why == json::error::unknown_name) return is + " that does not name an enumerator";
    return text() + " cannot be converted" + (why ? ": " + why.message() : std::string());
}

std::string place::failed(const std::exception& e) const {
    // Boost's own what() contains names of source files.
    const auto* const ours = dynamic_cast<const error*>(&e);
    const auto* const with_code = dynamic_cast<const boost::system::system_error*>(&e);
    return text() + " cannot be converted: "
           + (ours ? std::string(e.what())
                   : codec::in_quotes(with_code ? with_code->code().message() : std::string(e.what())));
}

value as_value(json::value v) {
    if (json::object* const o = v.if_object()) return std::move(*o);
    throw error(errc::invalid_argument,
                "cannot store the type: its JSON is " + std::string(kind_of(v)) + ", not an object");
}

void apply_changes(std::optional<value>& v, const value& before, value after) {
    if (!v) {
        v = std::move(after);
        return;
    }
    for (const auto& member : before)
        if (!after.contains(member.key())) v->erase(member.key());
    for (auto& member : after) {
        const boost::json::value* const was = before.if_contains(member.key());
        if (!was || !codec::is_equal(*was, member.value()))
            v->insert_or_assign(member.key(), std::move(member.value()));
    }
}

void fail_conversion(const error& e, const char* operation, const std::string& key,
                     const std::string& collection) {
    const client::operation_label label{operation, collection, &key};
    throw label.failure(e.code(), e.what(), e.details());
}

} // namespace detail

} // namespace azkv
