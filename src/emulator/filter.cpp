#include "emulator/filter.hpp"

#include "codec/json_text.hpp"
#include "codec/utf.hpp"
#include "emulator/edm.hpp"
#include "emulator/failure.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <compare>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

namespace azkv::emulation {

namespace {

constexpr std::string_view blanks = " \t\r\n";
constexpr std::size_t max_nesting = 100; // of parentheses and `not`, because the parser is recursive

// Thrown by the lexer and the parser, which know where they are but not what the whole text is.
class syntax_error {};

[[noreturn]] void refuse() {
    throw syntax_error();
}

enum class comparator { eq, ne, gt, ge, lt, le };

// In the order of the enumerators.
constexpr std::array<std::string_view, 6> comparators{"eq", "ne", "gt", "ge", "lt", "le"};

std::optional<comparator> comparator_named(std::string_view word) {
    const auto found = std::ranges::find(comparators, word);
    if (found == comparators.end()) return std::nullopt;
    return static_cast<comparator>(found - comparators.begin());
}

// The comparator with its two sides exchanged.
comparator mirrored(comparator c) {
    switch (c) {
    case comparator::gt: return comparator::lt;
    case comparator::ge: return comparator::le;
    case comparator::lt: return comparator::gt;
    case comparator::le: return comparator::ge;
    default: return c;
    }
}

bool holds(comparator c, std::partial_ordering order) {
    switch (c) {
    case comparator::eq: return std::is_eq(order);
    case comparator::ne: return std::is_neq(order); // for NaN, too
    case comparator::gt: return std::is_gt(order);
    case comparator::ge: return std::is_gteq(order);
    case comparator::lt: return std::is_lt(order);
    case comparator::le: return std::is_lteq(order);
    }
    return false;
}

// Compares in the order of `sort_key`. It differs from the order of UTF-8 only between a code point beyond
// the first plane and one after the surrogates: the first different bytes are 0xF0 or above, and 0xEE or
// 0xEF.
std::strong_ordering compare_texts(std::string_view a, std::string_view b) {
    const auto rank = [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return byte == 0xEE || byte == 0xEF ? byte + 0x10 : byte;
    };
    const auto [at_a, at_b] = std::ranges::mismatch(a, b);
    if (at_a == a.end() || at_b == b.end()) return a.size() <=> b.size();
    return rank(*at_a) <=> rank(*at_b);
}

// Exact: does not round an integer of more than 53 bits to a double.
std::partial_ordering compare_numbers(std::int64_t i, double d) {
    constexpr double beyond = 9223372036854775808.0; // 2^63
    if (std::isnan(d)) return std::partial_ordering::unordered;
    if (d >= beyond) return std::partial_ordering::less;
    if (d < -beyond) return std::partial_ordering::greater;
    const double whole = std::trunc(d);
    const auto order = i <=> static_cast<std::int64_t>(whole);
    return std::is_eq(order) ? 0.0 <=> d - whole : std::partial_ordering(order);
}

bool is_integer(edm type) {
    return type == edm::int32 || type == edm::int64;
}

bool is_number_or_time(edm type) {
    return is_integer(type) || type == edm::real || type == edm::date_time;
}

// Compares a property with a literal. Returns nullopt if the types cannot be compared.
std::optional<std::partial_ordering> compare(const edm_value& a, const edm_value& b, service_mode mode) {
    // In Table Storage any number or time is below any text: `n ne ''` and `n lt ''` find it, `n gt ''` does
    // not (https://github.com/Azure/Azurite/issues/2342). How it compares other pairs of types is not known.
    if (mode == service_mode::storage && is_number_or_time(a.type) && b.type == edm::string)
        return std::partial_ordering::less;
    if (is_integer(a.type) && b.type == edm::real) return compare_numbers(a.integer, b.number);
    if (a.type == edm::real && is_integer(b.type)) return 0 <=> compare_numbers(b.integer, a.number);
    if (is_integer(a.type) && is_integer(b.type)) return a.integer <=> b.integer;
    if (a.type != b.type) return std::nullopt;
    switch (a.type) {
    case edm::string: return compare_texts(a.text, b.text);
    case edm::guid:
    case edm::binary: return a.text <=> b.text;
    case edm::real: return a.number <=> b.number;
    default: return a.integer <=> b.integer;
    }
}

bool begins_name(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'
           || static_cast<unsigned char>(c) >= 0x80;
}

edm_value read_integer(std::string_view text, bool is_long) {
    std::int64_t i = 0;
    const char* const end = text.data() + text.size();
    const auto result = std::from_chars(text.data(), end, i);
    if (result.ec != std::errc{} || result.ptr != end) refuse();
    is_long = is_long || i != static_cast<std::int32_t>(i);
    return edm_value(is_long ? edm::int64 : edm::int32, i);
}

edm_value read_number(std::string_view text) {
    if (text.ends_with('l') || text.ends_with('L'))
        return read_integer(text.substr(0, text.size() - 1), true);
    const bool is_double = text.ends_with('d') || text.ends_with('D');
    if (is_double) text.remove_suffix(1);
    if (!is_double && text.find_first_of(".eE") == text.npos) return read_integer(text, false);
    if (!is_decimal(text)) refuse();
    const double d = codec::exact_double(text);
    if (!std::isfinite(d)) refuse();
    return edm_value(d);
}

// Parses the literal `prefix'text'`.
edm_value read_prefixed(std::string_view prefix, std::string_view text) {
    if (prefix == "datetime") {
        if (const auto t = parse_date_time(text)) return edm_value(edm::date_time, *t);
    } else if (prefix == "guid") {
        if (auto guid = parse_guid(text)) return edm_value(edm::guid, std::move(*guid));
    } else if (prefix == "X" || prefix == "x" || prefix == "binary") {
        if (auto bytes = decode_hex(text)) return edm_value(edm::binary, std::move(*bytes));
    }
    refuse();
}

class token {
public:
    enum class kind { end, open, close, word, literal };

    explicit token(kind what) : what(what) {}

    explicit token(std::string_view word) : what(kind::word), word(word) {}

    explicit token(edm_value literal) : what(kind::literal), literal(std::move(literal)) {}

    bool is_word(std::string_view w) const { return what == kind::word && word == w; }

    kind what;
    std::string_view word;
    edm_value literal;
};

class lexer {
public:
    explicit lexer(std::string_view text) : text_(text), rest_(text) {}

    /// Returns how many characters (UTF-16 units) it has read.
    std::size_t position() const { return codec::utf16_length(text_.substr(0, text_.size() - rest_.size())); }

    token next() {
        rest_.remove_prefix(std::min(rest_.find_first_not_of(blanks), rest_.size()));
        if (rest_.empty()) return token(token::kind::end);
        const char c = rest_.front();
        if (c == '(' || c == ')') {
            rest_.remove_prefix(1);
            return token(c == '(' ? token::kind::open : token::kind::close);
        }
        if (c == '\'') return literal(edm_value(edm::string, take_string()));
        if (is_digit(c) || c == '-') return literal(read_number(take(rest_.find_first_of(") \t\r\n"))));
        const auto word = take_word();
        if (rest_.starts_with('\'')) return literal(read_prefixed(word, take_quoted()));
        if (word == "true" || word == "false")
            return literal(edm_value(edm::boolean, std::int64_t(word == "true")));
        return token(word);
    }

private:
    std::string_view take(std::size_t n) {
        const auto taken = rest_.substr(0, n);
        rest_.remove_prefix(taken.size());
        return taken;
    }

    std::string_view take_word() {
        if (!begins_name(rest_.front())) refuse();
        const auto in_name = [](char c) { return begins_name(c) || is_digit(c); };
        return take(static_cast<std::size_t>(std::ranges::find_if_not(rest_, in_name) - rest_.begin()));
    }

    // Takes a text in quotes.
    std::string_view take_quoted() {
        const auto end = rest_.find('\'', 1);
        if (end == rest_.npos) refuse();
        return take(end + 1).substr(1, end - 1);
    }

    // Takes a text in quotes in which quotes are doubled.
    std::string take_string() {
        std::string text(take_quoted());
        while (rest_.starts_with('\'')) text.append("'").append(take_quoted());
        return text;
    }

    // A literal must end at a space or a parenthesis.
    token literal(edm_value value) const {
        if (!rest_.empty() && rest_.front() != ')' && blanks.find(rest_.front()) == blanks.npos) refuse();
        return token(std::move(value));
    }

    std::string_view text_;
    std::string_view rest_;
};

bool is_reserved(std::string_view word) {
    return comparator_named(word) || word == "and" || word == "or" || word == "not" || word == "null";
}

// Inclusive bounds, tightened by each comparison.
class key_bounds {
public:
    void add(comparator c, const std::string& text) {
        if (c == comparator::eq && !only_) only_ = text;
        const bool below = c == comparator::eq || c == comparator::gt || c == comparator::ge;
        const bool above = c == comparator::eq || c == comparator::lt || c == comparator::le;
        if (below && std::is_gt(compare_texts(text, first_))) first_ = text;
        if (above && (!last_ || std::is_lt(compare_texts(text, *last_)))) last_ = text;
    }

    const std::optional<std::string>& only() const { return only_; }

    const std::string& first() const { return first_; }

    const std::optional<std::string>& last() const { return last_; }

private:
    std::optional<std::string> only_;
    std::string first_;
    std::optional<std::string> last_;
};

} // namespace

class filter::node {
public:
    enum class kind { constant, predicate, comparison, negation, conjunction, disjunction };

    explicit node(kind what) : what(what) {}

    bool matches(const entity& e, service_mode mode) const {
        const auto child_matches = [&](const node& child) { return child.matches(e, mode); };
        switch (what) {
        case kind::constant: return literal.integer != 0;
        case kind::predicate: {
            const edm_value* const value = e.find(name);
            return value && value->type == edm::boolean && value->integer != 0;
        }
        case kind::comparison: {
            const edm_value* const value = e.find(name);
            if (!value) return false;
            const auto order = compare(*value, literal, mode);
            return order && holds(comparison, *order);
        }
        case kind::negation: return !children.front().matches(e, mode);
        case kind::conjunction: return std::ranges::all_of(children, child_matches);
        case kind::disjunction: return std::ranges::any_of(children, child_matches);
        }
        return false;
    }

    // Adds bounds that every match satisfies.
    void add_to(key_bounds& partitions, key_bounds& rows) const {
        if (what == kind::conjunction)
            for (const node& child : children) child.add_to(partitions, rows);
        if (what != kind::comparison || literal.type != edm::string) return;
        if (name == "PartitionKey") partitions.add(comparison, literal.text);
        if (name == "RowKey") rows.add(comparison, literal.text);
    }

    std::size_t comparisons() const {
        std::size_t n = children.empty() ? 1 : 0;
        for (const node& child : children) n += child.comparisons();
        return n;
    }

    bool is_on_keys_only() const {
        if (what == kind::predicate || what == kind::comparison) return is_key(name);
        return std::ranges::all_of(children, &node::is_on_keys_only);
    }

    kind what;
    std::string name;                       // of the property
    comparator comparison = comparator::eq; // of the property and the literal
    edm_value literal;                      // or a constant
    std::vector<node> children;
};

// One function for each level of the grammar, from the weakest operator on.
class filter::parser {
public:
    explicit parser(std::string_view text) : lexer_(text) {}

    std::unique_ptr<const node> parse() {
        next_ = lexer_.next();
        if (next_.what == token::kind::end) return nullptr;
        auto root = std::make_unique<const node>(disjunction());
        if (next_.what != token::kind::end) refuse();
        return root;
    }

    std::size_t position() const { return lexer_.position(); }

private:
    token take() { return std::exchange(next_, lexer_.next()); }

    node disjunction() { return list("or", node::kind::disjunction, &parser::conjunction); }

    node conjunction() { return list("and", node::kind::conjunction, &parser::negation); }

    node list(std::string_view separator, node::kind what, node (parser::*item)()) {
        node first = (this->*item)();
        if (!next_.is_word(separator)) return first;
        node all(what);
        all.children.push_back(std::move(first));
        while (next_.is_word(separator)) {
            take();
            all.children.push_back((this->*item)());
        }
        return all;
    }

    node negation() {
        if (!next_.is_word("not")) return condition();
        take();
        node negated(node::kind::negation);
        negated.children.push_back(nested(&parser::negation));
        return negated;
    }

    node condition() {
        if (next_.what != token::kind::open) return comparison();
        take();
        node inner = nested(&parser::disjunction);
        if (next_.what != token::kind::close) refuse();
        take();
        return inner;
    }

    node nested(node (parser::*item)()) {
        if (++nesting_ > max_nesting) refuse();
        node inner = (this->*item)();
        --nesting_;
        return inner;
    }

    // A property and a literal, in either order; or a single boolean.
    node comparison() {
        token left = operand();
        const auto operation = next_.what == token::kind::word ? comparator_named(next_.word) : std::nullopt;
        if (!operation) return predicate(std::move(left));
        take();
        token right = operand();
        const bool literal_first = left.what == token::kind::literal;
        if (literal_first == (right.what == token::kind::literal)) refuse();
        node compared(node::kind::comparison);
        compared.comparison = literal_first ? mirrored(*operation) : *operation;
        compared.name = (literal_first ? right : left).word;
        compared.literal = std::move((literal_first ? left : right).literal);
        return compared;
    }

    node predicate(token alone) {
        if (alone.what == token::kind::word) {
            node property(node::kind::predicate);
            property.name = alone.word;
            return property;
        }
        if (alone.literal.type != edm::boolean) refuse();
        node constant(node::kind::constant);
        constant.literal = std::move(alone.literal);
        return constant;
    }

    token operand() {
        if (next_.is_word("null")) throw invalid_input();
        const bool name = next_.what == token::kind::word && !is_reserved(next_.word);
        if (!name && next_.what != token::kind::literal) refuse();
        return take();
    }

    lexer lexer_;
    token next_{token::kind::end};
    std::size_t nesting_ = 0;
};

filter::filter() = default;
filter::~filter() = default;
filter::filter(filter&&) noexcept = default;
filter& filter::operator=(filter&&) noexcept = default;

filter filter::parse(std::string_view text, service_mode mode) {
    if (codec::utf16_length(text) == text.npos) throw invalid_input(); // the message cannot repeat it
    parser p(text);
    try {
        filter parsed;
        parsed.mode_ = mode;
        parsed.root_ = p.parse();
        return parsed;
    } catch (const syntax_error&) {
        if (mode == service_mode::cosmos) throw invalid_input("Request url is invalid.");
        throw invalid_input("Syntax error at position " + std::to_string(p.position()) + " in '"
                            + std::string(text) + "'.");
    }
}

bool filter::matches(const entity& e) const {
    return !root_ || root_->matches(e, mode_);
}

std::size_t filter::comparisons() const {
    return root_ ? root_->comparisons() : 0;
}

key_range filter::keys() const {
    key_range range;
    if (!root_) return range;
    key_bounds partitions, rows;
    root_->add_to(partitions, rows);
    if (partitions.only()) {
        range.partition_key = partitions.only();
        range.first_row_key = rows.first();
        range.last_row_key = rows.last();
    } else {
        range.first_partition_key = partitions.first();
        range.last_partition_key = partitions.last();
    }
    return range;
}

bool filter::is_on_keys_only() const {
    return !root_ || root_->is_on_keys_only();
}

} // namespace azkv::emulation
