// User-defined types: how they are stored and restored, and the errors about values that do not fit.

#include "support/http_server.hpp"
#include "support/scripted_store.hpp"
#include "support/test_account.hpp"

#include <azkv/blocking_store.hpp>
#include <azkv/convert.hpp>

#include <boost/describe/class.hpp>
#include <boost/describe/enum.hpp>
#include <boost/system/result.hpp>
#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <stdexcept>
#include <tuple>
#include <unordered_map>
#include <variant>
#include <vector>

using namespace azkv;
using namespace azkv::test;
namespace json = boost::json;

namespace {

/// Converts itself: 12.50 EUR is "1250 EUR".
class money {
public:
    money() {}

    money(std::int64_t cents, std::string currency) : cents_(cents), currency_(std::move(currency)) {}

    bool operator==(const money&) const = default;

private:
    friend void tag_invoke(json::value_from_tag, json::value& v, const money& m) {
        v = std::to_string(m.cents_) + ' ' + m.currency_;
    }

    friend money tag_invoke(json::value_to_tag<money>, const json::value& v) {
        const std::string text = json::value_to<std::string>(v);
        const auto space = text.find(' ');
        if (space == text.npos) throw std::invalid_argument("no\ncurrency: " + text);
        return money(std::stoll(text), text.substr(space + 1));
    }

    std::int64_t cents_ = 0;
    std::string currency_;
};

/// Converts itself, without exceptions.
class percentage {
public:
    percentage() {}

    explicit percentage(std::int64_t n) : n_(n) {}

    bool operator==(const percentage&) const = default;

private:
    friend void tag_invoke(json::value_from_tag, json::value& v, const percentage& p) { v = p.n_; }

    friend boost::system::result<percentage> tag_invoke(json::try_value_to_tag<percentage>,
                                                        const json::value& v) {
        if (!v.is_int64() || v.get_int64() > 100) return make_error_code(errc::too_large);
        return percentage(v.get_int64());
    }

    std::int64_t n_ = 0;
};

enum class state { open, paid };
BOOST_DESCRIBE_ENUM(state, open, paid)

struct address {
    std::string street;
    std::string city;

    bool operator==(const address&) const = default;
};

BOOST_DESCRIBE_STRUCT(address, (), (street, city))

/// Converts itself with the help of another type.
class office {
public:
    bool operator==(const office&) const = default;

private:
    friend void tag_invoke(json::value_from_tag, json::value& v, const office& o) { v = to_value(o.at_); }

    friend office tag_invoke(json::value_to_tag<office>, const json::value& v) {
        office o;
        o.at_ = from_value<address>(v.as_object());
        return o;
    }

    address at_;
};

struct line {
    std::string article;
    std::uint8_t count = 0;
    double price = 0;

    bool operator==(const line&) const = default;
};

BOOST_DESCRIBE_STRUCT(line, (), (article, count, price))

struct order {
    std::string customer;
    address to;
    std::vector<line> lines;
    state at = state::open;
    std::optional<std::string> note;
    std::optional<address> back_to;
    money total;

    bool operator==(const order&) const = default;
};

BOOST_DESCRIBE_STRUCT(order, (), (customer, to, lines, at, note, back_to, total))

struct all_kinds {
    bool yes = false;
    std::int64_t least = 0;
    std::int64_t most = 0;
    std::uint64_t large = 0;
    double exact = 0;
    double infinite = 0;
    float narrow = 0;
    std::string text;
    std::map<std::string, int> numbers;
    std::unordered_map<std::string, std::vector<state>> states;
    std::array<int, 2> pair;
    std::tuple<int, std::string> both;
    std::variant<int, std::string> either;
    std::vector<bool> flags;
    percentage part;
    office at;
    json::value any;
    json::array list;
    value object;
    std::monostate nothing;

    bool operator==(const all_kinds&) const = default;
};

BOOST_DESCRIBE_STRUCT(all_kinds, (),
                      (yes, least, most, large, exact, infinite, narrow, text, numbers, states, pair, both,
                       either, flags, part, at, any, list, object, nothing))

struct tree {
    int n = 0;
    std::vector<tree> below;

    bool operator==(const tree&) const = default;
};

BOOST_DESCRIBE_STRUCT(tree, (), (n, below))

struct base {
    int a = 0;
};

BOOST_DESCRIBE_STRUCT(base, (), (a))

struct derived : base {
    int b = 0;
};

BOOST_DESCRIBE_STRUCT(derived, (base), (b))

struct empty {};
BOOST_DESCRIBE_STRUCT(empty, (), ())

order ada() {
    order o;
    o.customer = "Ada Lovelace";
    o.to = {"12 St James's Square", "London"};
    o.lines = {{"punched card", 200, 0.02}, {"gear wheel, brass, of forty teeth", 4, 12.5}};
    o.at = state::paid;
    o.back_to = address{"Ockham Park", "Ockham"};
    o.total = money(5400, "GBP");
    return o;
}

json::value line_like(const char* article, json::value count) {
    return {{"article", article}, {"count", std::move(count)}, {"price", 1}};
}

// Stores `v`, and responds to the next request with it.
void serve(scripted_store& s, const value& v, const std::string& key = "k") {
    s.net->answer(204);
    s.run(s.db.put(key, v));
    const std::string& request = s.net->sent.back();
    s.net->answer(200, request.substr(request.find("\r\n\r\n") + 4));
}

template <class T>
T and_back(scripted_store& s, const T& t) {
    serve(s, to_value(t));
    std::optional<T> found = s.run(s.db.template get_as<T>("k"));
    REQUIRE(found);
    return std::move(*found);
}

template <class T>
std::string misfit(value v) {
    const error e = failure_of([&] { from_value<T>(std::move(v)); });
    CHECK(e.code() == errc::type_mismatch);
    CHECK(e.key().empty());
    return e.what();
}

} // namespace

template <>
struct boost::json::is_described_class<derived> : std::true_type {};

TEST_CASE("a stored value is restored") {
    scripted_store s;
    CHECK(and_back(s, ada()) == ada());
    CHECK(and_back(s, order()) == order());

    all_kinds k;
    k.yes = true;
    k.least = std::numeric_limits<std::int64_t>::min();
    k.most = std::numeric_limits<std::int64_t>::max();
    k.large = static_cast<std::uint64_t>(k.most);
    k.exact = 0.9856416633379175;
    k.infinite = -std::numeric_limits<double>::infinity();
    k.narrow = 0.1F;
    k.text = std::string("é \0 😀", 9);
    k.numbers = {{"", 1}, {"a.b", -2}};
    k.states = {{"x", {state::open, state::paid}}, {"y", {}}};
    k.pair = {1, 2};
    k.both = {3, "three"};
    k.either = "or";
    k.flags = {true, false};
    k.part = percentage(7);
    k.any = {1, "two", nullptr};
    k.list = {1.5};
    k.object["n"] = 1;
    CHECK(and_back(s, k) == k);

    const tree t{1, {{2, {{3, {}}}}, {4, {}}}};
    CHECK(and_back(s, t) == t);

    derived d;
    d.a = 1;
    d.b = 2;
    CHECK(and_back(s, d).a == 1);

    const std::map<std::string, int> m{{"one", 1}, {"two", 2}};
    CHECK(and_back(s, m) == m);
    CHECK(to_value(empty()).empty());
    from_value<empty>(value());
}

TEST_CASE("members are properties that a filter can use") {
    const value v = to_value(ada());
    CHECK(v.at("customer") == "Ada Lovelace");
    CHECK(v.at("at") == "paid");
    CHECK(v.at("total") == "5400 GBP");
    CHECK(v.at("to").at("city") == "London");
}

TEST_CASE("absence is not a failure") {
    scripted_store s;
    s.net->answer(404, error_body("ResourceNotFound"));
    CHECK(s.run(s.db.get_as<order>("k")) == std::nullopt);
    s.net->answer(404, error_body("TableNotFound"));
    CHECK(s.run(s.db.get_as<order>("k", "orders")) == std::nullopt);
    s.net->answer(404, "no such page");
    const error e = failure_of([&] { s.run(s.db.get_as<order>("k")); });
    CHECK(e.code() == errc::bad_response);
    CHECK(e.key() == "k");
}

TEST_CASE("only objects are values") {
    const error e = failure_of([&] { to_value(std::vector<int>{1, 2}); });
    CHECK(e.code() == errc::invalid_argument);
    CHECK(std::string(e.what()) == "cannot store the type: its JSON is an array, not an object");
    CHECK(std::string(failure_of([&] { to_value(money(1, "EUR")); }).what())
          == "cannot store the type: its JSON is a string, not an object");
    CHECK(std::string(failure_of([&] { to_value(std::optional<order>()); }).what())
          == "cannot store the type: its JSON is null, not an object");
    CHECK(misfit<std::vector<int>>({}) == "the value is an object, not an array");
    CHECK(misfit<int>({}) == "the value is an object, not a number");
}

TEST_CASE("a value that does not fit: the error names operation and key and member") {
    scripted_store s;
    value v = to_value(ada());
    v.at("lines").at(1).at("price") = "dear";
    serve(s, v, "17");
    const error e = failure_of([&] { s.run(s.db.get_as<order>("17", "my orders")); });
    CHECK(e.code() == errc::type_mismatch);
    CHECK(e.code() == condition::type_mismatch);
    CHECK(e.key() == "17");
    CHECK(e.status() == 0);
    CHECK(std::string(e.what())
          == "get_as \"17\" in \"my orders\": member \"lines[1].price\" is a string, not a number");
}

TEST_CASE("the blocking store behaves alike") {
    std::string stored;
    http_server server([&](const http_request& r) {
        if (r.method == "PUT") stored = r.body;
        if (r.method == "PUT") return http_reply(204);
        if (contains(r.target, "absent")) return http_reply(404, error_body("ResourceNotFound"));
        const char* const bad = R"({"PartitionKey":"default","RowKey":"bad","customer":1})";
        return http_reply(200, contains(r.target, "bad") ? bad : stored);
    });
    blocking_store db(server.endpoint(), test_credential());
    db.put("k", to_value(ada()), "orders");
    CHECK(db.get_as<order>("k", "orders") == ada());
    CHECK(db.get_as<order>("absent") == std::nullopt);
    const error e = failure_of([&] { return db.get_as<order>("bad"); });
    CHECK(e.code() == errc::type_mismatch);
    CHECK(e.key() == "bad");
    CHECK(std::string(e.what())
          == "get_as \"bad\" in \"data\": member \"customer\" is an integer, not a string");
}

TEST_CASE("the member at fault") {
    const auto with = [](const char* member, json::value v) {
        value o = to_value(ada());
        o[member] = std::move(v);
        return misfit<order>(std::move(o));
    };
    CHECK(with("customer", nullptr) == "member \"customer\" is null, not a string");
    CHECK(with("customer", true) == "member \"customer\" is a boolean, not a string");
    CHECK(with("to", json::array()) == "member \"to\" is an array, not an object");
    CHECK(with("to", {{"street", "x"}, {"city", 1.5}}) == "member \"to.city\" is a double, not a string");
    CHECK(with("to", {{"street", "x"}}) == "member \"to.city\" is missing");
    CHECK(with("lines", value()) == "member \"lines\" is an object, not an array");
    CHECK(with("lines", {line_like("x", 1), line_like("y", 256)})
          == "member \"lines[1].count\" is an integer that the type cannot hold");
    CHECK(with("lines", json::array{line_like("x", -1)})
          == "member \"lines[0].count\" is an integer that the type cannot hold");
    CHECK(with("lines", json::array{line_like("x", 0.5)})
          == "member \"lines[0].count\" is a double that the type cannot hold");
    CHECK(with("at", "lost") == "member \"at\" is a string that does not name an enumerator");
    CHECK(with("at", 1) == "member \"at\" is an integer, not a string");
    CHECK(with("note", 1) == "member \"note\" is an integer, not a string");
    CHECK(with("back_to", value()) == "member \"back_to.street\" is missing");
    CHECK(with("total", "12") == "member \"total\" cannot be converted: \"no\\ncurrency: 12\"");
    const std::string x(186, 'x');
    CHECK(contains(with("total", json::string(x + "é")), "currency: xxx"));
    CHECK(contains(with("total", 12), "member \"total\" cannot be converted: "));
}

TEST_CASE("the member at fault in other types") {
    const auto with = [](const char* member, json::value v) {
        value o = to_value(all_kinds());
        o[member] = std::move(v);
        return misfit<all_kinds>(std::move(o));
    };
    CHECK(with("yes", 1) == "member \"yes\" is an integer, not a boolean");
    CHECK(with("most", 1e300) == "member \"most\" is a double that the type cannot hold");
    CHECK(with("large", -1) == "member \"large\" is an integer that the type cannot hold");
    CHECK(with("exact", "1") == "member \"exact\" is a string, not a number");
    CHECK(with("numbers", {{"a", 1}, {"b", "2"}}) == "member \"numbers.b\" is a string, not a number");
    CHECK(with("numbers", 1) == "member \"numbers\" is an integer, not an object");
    CHECK(with("states", {{"x", {"open", "shut"}}})
          == "member \"states.x[1]\" is a string that does not name an enumerator");
    CHECK(with("pair", {1}) == "member \"pair\" has 1 element, not 2");
    CHECK(with("pair", {1, "2"}) == "member \"pair[1]\" is a string, not a number");
    CHECK(with("both", {1, "2", 3}) == "member \"both\" has 3 elements, not 2");
    CHECK(with("both", {1, 2}) == "member \"both[1]\" is an integer, not a string");
    CHECK(with("both", value()) == "member \"both\" is an object, not an array");
    CHECK(with("either", 1.5)
          == "member \"either\" is a double, which no alternative of the variant accepts");
    CHECK(with("flags", {true, 0}) == "member \"flags[1]\" is an integer, not a boolean");
    CHECK(with("part", 101) == "member \"part\" cannot be converted: \"exceeds a limit of the service\"");
    CHECK(with("at", {{"street", "x"}}) == "member \"at\" cannot be converted: member \"city\" is missing");
    CHECK(with("list", 1) == "member \"list\" is an integer, not an array");
    CHECK(with("object", 1) == "member \"object\" is an integer, not an object");
    CHECK(with("nothing", 1) == "member \"nothing\" is an integer, not null");

    value o = to_value(tree{1, {{2, {{3, {}}}}}});
    o.at("below").at(0).at("below").at(0).as_object().erase("n");
    CHECK(misfit<tree>(o) == "member \"below[0].below[0].n\" is missing");
    CHECK(misfit<derived>({{"b", 1}}) == "member \"a\" is missing");
    CHECK(misfit<derived>({{"a", "1"}, {"b", 1}}) == "member \"a\" is a string, not a number");
    CHECK(contains(misfit<money>({}), "the value cannot be converted: "));
}

// Whether they are accepted depends on the version of Boost.JSON.
TEST_CASE("members that the type lacks and optional ones that the value lacks") {
    value more = to_value(ada());
    more["to"].as_object()["a\n"] = 1;
    if (json::try_value_to<empty>({{"a", 1}}))
        CHECK(from_value<order>(more) == ada());
    else
        CHECK(misfit<order>(more) == "member \"to.a\\n\" does not exist in the type");

    value less = to_value(ada());
    less.erase("note");
    if (json::try_value_to<order>(less))
        CHECK(from_value<order>(less) == ada());
    else
        CHECK(misfit<order>(less) == "member \"note\" is missing");

    less["at"] = 1; // what no version accepts is reported first
    less["colour"] = "red";
    CHECK(misfit<order>(less) == "member \"at\" is an integer, not a string");
}
