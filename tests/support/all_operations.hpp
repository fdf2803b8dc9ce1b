#pragma once

#include "protocol/message.hpp"

#include <azkv/blocking_store.hpp>
#include <azkv/projection.hpp>
#include <azkv/store.hpp>
#include <azkv/value.hpp>

#include <boost/asio/awaitable.hpp>

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace azkv::test {

namespace asio = boost::asio;

/// The arguments of every operation. Each takes those that it has.
class operation_arguments {
public:
    operation_arguments();

    std::string key = "k";
    value v; // {"i": 1}
    std::string collection = default_collection;
    projection select;
    etag version; // of a row that the tests with scripts make up
    std::string filter = "i ge 1";
    std::vector<std::pair<std::string, value>> pairs; // k0, k1, k2
    std::size_t batch_size = 100;
};

/// `n` pairs k0, k1, .. of the same value.
std::vector<std::pair<std::string, value>> equal_pairs(std::size_t n, const value& v);

/// The effect of one transaction on keys; no value: the key is erased.
using changed_keys = std::map<std::string, std::optional<value>>;

/// A public operation, or a variant of one, with all that the tests need to call it and to answer it. The
/// tests of what holds for every operation iterate `all_operations`, and have no lists of their own.
class operation_sample {
public:
    operation_sample() {}

    bool writes() const { return changes != nullptr; }

    bool is_plain() const { return name == operation; }

    /// Whether request `i` of those in `good` changes entities.
    bool writes_with(std::size_t i) const { return writes() && i >= first_write; }

    /// `arguments`, in this collection.
    operation_arguments in(std::string collection) const {
        operation_arguments a = arguments;
        a.collection = std::move(collection);
        return a;
    }

    asio::awaitable<std::string> run(store db) const { return call(std::move(db), arguments); }

    std::string run(blocking_store& db) const { return call_blocking(db, arguments); }

    /// Sets the version to that of the row, if the operation needs one and there is a row.
    void find_version(blocking_store& db, operation_arguments& a) const;

    std::string operation; // as the store reports it
    std::string name;      // unique: the operation, and what is special about the variant
    operation_arguments arguments;

    /// These return the result as text. Each row of a listing is a line.
    asio::awaitable<std::string> (*call)(store, operation_arguments) = nullptr;
    std::string (*call_blocking)(blocking_store&, operation_arguments) = nullptr;

    std::vector<protocol::response> good; // the responses when nothing goes wrong
    std::map<std::string, value> before;  // what the table then holds
    std::string result;                   // and what `call` returns
    std::optional<std::string> absent; // what it returns if the entity, or the table of a listing, is missing

    /// What it writes, each transaction by itself; null for what only reads.
    std::vector<changed_keys> (*changes)(const operation_arguments&) = nullptr;

    std::size_t first_write = 0; // the first request whose failure leaves a doubt about a write
    bool lists = false;          // its responses are pages
    bool batches = false;        // its requests are batches, of which some fail without ending the others
    bool needs_table = false;    // it creates the table if it is missing
    bool makes_table = false;    // this variant does so
    bool is_conditional = false; // it is made once: on a version, or if the key is absent
    bool needs_version = false;
};

const std::vector<operation_sample>& all_operations();

/// Throws `std::logic_error` if there is none of this name.
const operation_sample& operation_named(std::string_view name);

} // namespace azkv::test
