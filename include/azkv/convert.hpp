#pragma once

#include <azkv/blocking_store.hpp>
#include <azkv/config.hpp>
#include <azkv/error.hpp>
#include <azkv/store.hpp>
#include <azkv/value.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/describe/class.hpp>
#include <boost/describe/enum.hpp>
#include <boost/describe/members.hpp>
#include <boost/describe/modifiers.hpp>
#include <boost/json/conversion.hpp>
#include <boost/json/value.hpp>
#include <boost/json/value_from.hpp>
#include <boost/json/value_to.hpp>
#include <boost/mp11/algorithm.hpp>
#include <boost/mp11/list.hpp>
#include <boost/system/error_code.hpp>

#include <cstddef>
#include <exception>
#include <new>
#include <optional>
#include <ranges>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

// Your own types as values: every type that Boost.JSON converts. Those are structs described with
// Boost.Describe whose members are numbers, booleans, strings, described enumerations, `std::optional`s,
// containers, maps or other such structs; and types that have their own `tag_invoke`.
// (https://www.boost.org/doc/libs/1_81_0/libs/json/doc/html/json/conversion.html)
//
// This header is not part of <azkv.hpp>.

namespace azkv {

namespace detail {

namespace json = boost::json;

/// A place within a value. Words the message for a mismatch found there.
class AZKV_DECL place {
public:
    place() {} // the whole value

    place member(std::string_view name) const;
    place element(std::size_t i) const;

    std::string missing() const;
    std::string unknown() const;
    std::string wrong_size(std::size_t found, std::size_t expected) const;

    /// Returns the message for a conversion that failed with Boost.JSON's code `why`.
    std::string unfit(const boost::system::error_code& why, const json::value& found) const;

    /// Returns the message for an exception thrown by a user-defined conversion.
    std::string failed(const std::exception& e) const;

private:
    std::string text() const;

    std::string path_;
};

template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;

template <class T>
inline constexpr bool is_variant = false;
template <class... Ts>
inline constexpr bool is_variant<std::variant<Ts...>> = true;

using json_types = boost::mp11::mp_list<json::value, json::object, json::array, json::string>;

/// Types for which Boost.JSON's code says everything about a mismatch.
template <class T>
concept undivided =
    std::is_arithmetic_v<T> || is_variant<T> || boost::mp11::mp_contains<json_types, T>::value;

template <class T>
concept converted_or_throws = requires(const json::value& v) {
    tag_invoke(json::value_to_tag<T>(), v);
};

template <class T>
concept converted_or_code = requires(const json::value& v) {
    tag_invoke(json::try_value_to_tag<T>(), v);
};

template <class T>
concept converted_by_user = converted_or_throws<T> || converted_or_code<T>;

template <class T>
using described_members =
    boost::describe::describe_members<T, boost::describe::mod_public | boost::describe::mod_inherited>;

/// Which kind of mismatch to look for.
enum class mismatch_kind {
    value, ///< a part that does not convert, or is missing
    name,  ///< a member that the type lacks, or a missing optional one: Boost.JSON versions differ on these
};

/// Explains why `v`, found at `at`, does not convert to a `T`, in one pass over `v`. Returns an empty string
/// if there is no mismatch of that kind.
template <class T>
std::string explain(const json::value& v, const place& at, mismatch_kind looked_for);

/// The same for a part that converts as a whole, without descending into it.
template <class T>
std::string explain_whole(const json::value& v, const place& at) {
    try {
        if constexpr (converted_by_user<T> && !is_variant<T>) {
            static_cast<void>(json::value_to<T>(v)); // throws what the user's conversion throws
            return {};
        } else {
            const auto converted = json::try_value_to<T>(v);
            return converted ? std::string() : at.unfit(converted.error(), v);
        }
    } catch (const std::bad_alloc&) {
        throw;
    } catch (const std::exception& e) {
        return at.failed(e);
    }
}

template <class T>
std::string explain_names(const json::object& o, const place& at) {
    for (const json::key_value_pair& m : o) {
        bool known = false;
        boost::mp11::mp_for_each<described_members<T>>([&](auto d) { known = known || m.key() == d.name; });
        if (!known) return at.member(m.key()).unknown();
    }
    std::string why;
    boost::mp11::mp_for_each<described_members<T>>([&](auto d) {
        if (why.empty() && !o.contains(d.name)) why = at.member(d.name).missing();
    });
    return why;
}

template <class T>
std::string explain_members(const json::object& o, const place& at, mismatch_kind looked_for) {
    std::string why;
    if (looked_for == mismatch_kind::name) why = explain_names<T>(o, at);
    boost::mp11::mp_for_each<described_members<T>>([&](auto d) {
        using member = std::remove_cvref_t<decltype(std::declval<T&>().*decltype(d)::pointer)>;
        if (!why.empty()) return;
        const json::value* const found = o.if_contains(d.name);
        if (found)
            why = explain<member>(*found, at.member(d.name), looked_for);
        else if (!is_optional<member>)
            why = at.member(d.name).missing();
    });
    return why;
}

template <class T>
std::string explain_map(const json::object& o, const place& at, mismatch_kind looked_for) {
    using mapped = std::tuple_element_t<1, std::ranges::range_value_t<T>>;
    std::string why;
    for (auto m = o.begin(); m != o.end() && why.empty(); ++m)
        why = explain<mapped>(m->value(), at.member(m->key()), looked_for);
    return why;
}

template <class T>
std::string explain_sequence(const json::array& a, const place& at, mismatch_kind looked_for) {
    using element = std::ranges::range_value_t<T>;
    std::string why;
    for (std::size_t i = 0; i < a.size() && why.empty(); ++i)
        why = explain<element>(a[i], at.element(i), looked_for);
    return why;
}

template <class T>
std::string explain_tuple(const json::array& a, const place& at, mismatch_kind looked_for) {
    std::string why;
    if (a.size() != std::tuple_size_v<T>) return at.wrong_size(a.size(), std::tuple_size_v<T>);
    boost::mp11::mp_for_each<boost::mp11::mp_iota_c<std::tuple_size_v<T>>>([&](auto i) {
        if (why.empty()) why = explain<std::tuple_element_t<i, T>>(a[i], at.element(i), looked_for);
    });
    return why;
}

// Checks the categories in Boost.JSON's order, as a type may belong to several.
template <class T>
std::string explain(const json::value& v, const place& at, mismatch_kind looked_for) {
    if constexpr (is_optional<T>) {
        return v.is_null() ? std::string() : explain<typename T::value_type>(v, at, looked_for);
    } else if constexpr (!converted_by_user<T> && !undivided<T> && !json::is_string_like<T>::value) {
        [[maybe_unused]] const json::object* const o = v.if_object();
        [[maybe_unused]] const json::array* const a = v.if_array();
        if constexpr (json::is_map_like<T>::value) {
            if (o) return explain_map<T>(*o, at, looked_for);
        } else if constexpr (json::is_sequence_like<T>::value) {
            if constexpr (json::is_tuple_like<T>::value) // std::array
                if (a && a->size() != std::tuple_size_v<T>)
                    return at.wrong_size(a->size(), std::tuple_size_v<T>);
            if (a) return explain_sequence<T>(*a, at, looked_for);
        } else if constexpr (json::is_tuple_like<T>::value) {
            if (a) return explain_tuple<T>(*a, at, looked_for);
        } else if constexpr (json::is_described_class<T>::value) {
            if (o) return explain_members<T>(*o, at, looked_for);
        }
    }
    return looked_for == mismatch_kind::value ? explain_whole<T>(v, at) : std::string();
}

/// Explains why `v` did not convert to a `T`.
template <class T>
std::string explain(const json::value& v) {
    std::string why = explain<T>(v, place(), mismatch_kind::value);
    if (why.empty()) why = explain<T>(v, place(), mismatch_kind::name);
    if (why.empty()) why = explain_whole<T>(v, place());
    return why;
}

AZKV_DECL value as_value(json::value v);

/// Sets the members of `v` that differ between two values, and removes those that only the first has. Others
/// stay, such as members that a type does not have.
AZKV_DECL void apply_changes(std::optional<value>& v, const value& before, value after);

/// Rethrows an error of a conversion, with the operation's name and arguments in its message.
[[noreturn]] AZKV_DECL void fail_conversion(const error& e, const char* operation, const std::string& key,
                                            const std::string& collection);

} // namespace detail

/// Converts `t` to a value: `store.put("17", azkv::to_value(order))`.
///
/// Throws: `azkv::error` (errc::invalid_argument) if the result is not a JSON object, and what the type's own
/// conversion throws.
template <class T>
value to_value(const T& t) {
    static_assert(boost::json::has_value_from<T>::value,
                  "Boost.JSON cannot convert this type: describe it with BOOST_DESCRIBE_STRUCT, or provide a "
                  "tag_invoke(value_from_tag, ..)");
    return detail::as_value(boost::json::value_from(t));
}

/// Converts `v` to a `T`: `azkv::from_value<order>(row.value())`.
///
/// Boost.JSON decides what fits. As of 1.81 a value must have all described members and no others, and an
/// empty `std::optional` is null. Later versions allow optional members to be absent; the latest also allow
/// additional members.
///
/// A conversion of your own should convert the parts of a value with Boost.JSON's `value_to`: each nested
/// `from_value` would search for the mismatch again.
///
/// Throws: `azkv::error` (errc::type_mismatch) if `v` does not fit; the message names the member:
/// `member "lines[2].price" is a string, not a number`. An exception from the type's own conversion becomes
/// such an error, too.
template <class T>
T from_value(value v) {
    static_assert(
        boost::json::has_value_to<T>::value,
        "Boost.JSON cannot convert to this type: describe it with BOOST_DESCRIBE_STRUCT, or provide "
        "a tag_invoke(value_to_tag<T>, ..)");
    const boost::json::value whole(std::move(v));
    try {
        auto t = boost::json::try_value_to<T>(whole);
        if (t) return std::move(*t);
    } catch (const std::bad_alloc&) {
        throw;
    } catch (const std::exception&) { // `explain` converts again, and reports it
    }
    throw error(errc::type_mismatch, detail::explain<T>(whole));
}

namespace detail {

template <class T>
std::optional<T> as(std::optional<value> found, const char* operation, const std::string& key,
                    const std::string& collection) {
    std::optional<T> result;
    if (!found) return result;
    try {
        result.emplace(from_value<T>(std::move(*found)));
    } catch (const error& e) {
        fail_conversion(e, operation, key, collection);
    }
    return result;
}

// The stores' `get_as` finds these by argument-dependent lookup.

template <class T>
void has_conversions(converted_to<T>);

template <class T>
asio::awaitable<std::optional<T>> get_converted(converted_to<T>, store db, std::string key,
                                                std::string collection) {
    std::optional<value> found = co_await db.get(key, collection);
    std::optional<T> result = as<T>(std::move(found), "get_as", key, collection);
    co_return result;
}

template <class T>
std::optional<T> get_converted(converted_to<T>, blocking_store& db, const std::string& key,
                               const std::string& collection) {
    return as<T>(db.get(key, collection), "get_as", key, collection);
}

template <class T>
change_function converted_change(std::function<void(std::optional<T>&)> change, std::string key,
                                 std::string collection, std::shared_ptr<std::optional<T>> last) {
    return [change = std::move(change), key = std::move(key), collection = std::move(collection),
            last = std::move(last)](std::optional<value>& v) {
        *last = as<T>(v, "update_as", key, collection);
        const value before = *last ? to_value(**last) : value();
        change(*last);
        if (*last)
            apply_changes(v, before, to_value(**last));
        else
            v.reset();
    };
}

template <class T>
asio::awaitable<std::optional<T>> update_converted(converted_to<T>, store db, std::string key,
                                                   std::function<void(std::optional<T>&)> change,
                                                   std::string collection) {
    const auto last = std::make_shared<std::optional<T>>();
    change_function f = converted_change<T>(std::move(change), key, collection, last);
    co_await db.update(key, std::move(f), collection);
    co_return std::move(*last);
}

template <class T>
std::optional<T> update_converted(converted_to<T>, blocking_store& db, const std::string& key,
                                  std::function<void(std::optional<T>&)> change,
                                  const std::string& collection) {
    const auto last = std::make_shared<std::optional<T>>();
    db.update(key, converted_change<T>(std::move(change), key, collection, last), collection);
    return std::move(*last);
}

} // namespace detail

} // namespace azkv
