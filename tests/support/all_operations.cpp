#include "support/all_operations.hpp"

#include "support/fixtures.hpp"

#include <boost/json/serialize.hpp>

#include <stdexcept>

namespace azkv::test {

namespace {

using arguments = operation_arguments;

protocol::response response(unsigned status, std::string body = {}) {
    protocol::response r;
    r.status = status;
    r.body = std::move(body);
    return r;
}

std::string row(const std::string& key, int i) {
    return R"({"PartitionKey":"default","RowKey":")" + key + R"(","i":)" + std::to_string(i) + "}";
}

/// The response with some rows of a listing, and whether more follow.
protocol::response page(const std::string& rows, bool more) {
    protocol::response r = response(200, R"({"value":[)" + rows + "]}");
    if (more) r.next_partition_key = r.next_row_key = "b";
    return r;
}

const protocol::response no_table =
    response(404, R"({"odata.error":{"code":"TableNotFound","message":{"lang":"en-US","value":"none"}}})");

/// What the operations that list find, in two pages.
void hold_three_rows(operation_sample& o) {
    o.lists = true;
    o.good = {page(row("a", 1), true), page(row("b", 2) + "," + row("c", 3), false)};
    o.before = {{"a", numbered(1)}, {"b", numbered(2)}, {"c", numbered(3)}};
    o.absent = "";
}

std::string text_of(const std::optional<value>& found) {
    return found ? boost::json::serialize(*found) : "absent";
}

asio::awaitable<std::string> get(store db, arguments a) {
    const auto found = co_await db.get(std::move(a.key), std::move(a.collection), std::move(a.select));
    co_return text_of(found);
}

std::string blocking_get(blocking_store& db, arguments a) {
    return text_of(db.get(std::move(a.key), std::move(a.collection), std::move(a.select)));
}

operation_sample sample_of_get() {
    operation_sample o;
    o.operation = o.name = "get";
    o.call = &get;
    o.call_blocking = &blocking_get;
    o.good = {response(200, row("k", 1))};
    o.before = {{"k", numbered(1)}};
    o.result = R"({"i":1})";
    o.absent = "absent";
    return o;
}

std::string text_of(const std::optional<entry>& found) {
    return found ? found->key() + ' ' + boost::json::serialize(found->value()) : "absent";
}

asio::awaitable<std::string> get_entry(store db, arguments a) {
    const auto found = co_await db.get_entry(std::move(a.key), std::move(a.collection), std::move(a.select));
    co_return text_of(found);
}

std::string blocking_get_entry(blocking_store& db, arguments a) {
    return text_of(db.get_entry(std::move(a.key), std::move(a.collection), std::move(a.select)));
}

operation_sample sample_of_get_entry() {
    operation_sample o = sample_of_get();
    o.operation = o.name = "get_entry";
    o.call = &get_entry;
    o.call_blocking = &blocking_get_entry;
    o.result = R"(k {"i":1})";
    return o;
}

std::string text_of(const std::map<std::string, value>& all) {
    std::string text;
    for (const auto& [key, v] : all) text += key + ' ' + boost::json::serialize(v) + '\n';
    return text;
}

asio::awaitable<std::string> get_all(store db, arguments a) {
    const auto all = co_await db.get_all(std::move(a.collection), std::move(a.select));
    co_return text_of(all);
}

std::string blocking_get_all(blocking_store& db, arguments a) {
    return text_of(db.get_all(std::move(a.collection), std::move(a.select)));
}

operation_sample sample_of_get_all() {
    operation_sample o;
    o.operation = o.name = "get_all";
    o.call = &get_all;
    o.call_blocking = &blocking_get_all;
    hold_three_rows(o);
    o.result = "a {\"i\":1}\nb {\"i\":2}\nc {\"i\":3}\n";
    return o;
}

void append(std::string& text, const entry& e) {
    text += e.partition_key() + ' ' + e.key() + ' ' + boost::json::serialize(e.value()) + '\n';
}

asio::awaitable<std::string> query(store db, arguments a) {
    std::string text;
    auto rows = db.query(std::move(a.filter), std::move(a.collection), std::move(a.select));
    while (auto e = co_await rows.next()) append(text, *e);
    co_return text;
}

std::string blocking_query_of(blocking_store& db, arguments a) {
    std::string text;
    for (const entry& e : db.query(std::move(a.filter), std::move(a.collection), std::move(a.select)))
        append(text, e);
    return text;
}

operation_sample sample_of_query() {
    operation_sample o;
    o.operation = o.name = "query";
    o.call = &query;
    o.call_blocking = &blocking_query_of;
    hold_three_rows(o);
    o.result = "default a {\"i\":1}\ndefault b {\"i\":2}\ndefault c {\"i\":3}\n";
    return o;
}

asio::awaitable<std::string> put(store db, arguments a) {
    co_await db.put(std::move(a.key), std::move(a.v), std::move(a.collection));
    co_return "done";
}

std::string blocking_put(blocking_store& db, arguments a) {
    db.put(std::move(a.key), std::move(a.v), std::move(a.collection));
    return "done";
}

std::vector<changed_keys> changes_of_put(const arguments& a) {
    return {{{a.key, a.v}}};
}

operation_sample sample_of_put() {
    operation_sample o;
    o.operation = o.name = "put";
    o.call = &put;
    o.call_blocking = &blocking_put;
    o.good = {response(204)};
    o.result = "done";
    o.changes = &changes_of_put;
    o.needs_table = true;
    return o;
}

operation_sample sample_of_put_in_new_table() {
    operation_sample o = sample_of_put();
    o.name = "put that creates its table";
    o.good = {no_table, response(201), response(204)};
    o.first_write = 2;
    o.makes_table = true;
    return o;
}

std::string text_of_erase(bool erased) {
    return erased ? "erased" : "absent";
}

asio::awaitable<std::string> erase(store db, arguments a) {
    const bool erased = co_await db.erase(std::move(a.key), std::move(a.collection));
    co_return text_of_erase(erased);
}

std::string blocking_erase(blocking_store& db, arguments a) {
    return text_of_erase(db.erase(std::move(a.key), std::move(a.collection)));
}

std::vector<changed_keys> changes_of_erase(const arguments& a) {
    return {{{a.key, std::nullopt}}};
}

operation_sample sample_of_erase() {
    operation_sample o;
    o.operation = o.name = "erase";
    o.call = &erase;
    o.call_blocking = &blocking_erase;
    o.good = {response(204)};
    o.before = {{"k", numbered(1)}};
    o.result = "erased";
    o.absent = "absent";
    o.changes = &changes_of_erase;
    return o;
}

std::string text_of(const write_result& r) {
    switch (r.why()) {
    case conflict::none: return "written";
    case conflict::exists: return "exists";
    case conflict::changed: return "changed";
    case conflict::gone: return "gone";
    }
    return "?";
}

asio::awaitable<std::string> insert(store db, arguments a) {
    const auto r = co_await db.insert(std::move(a.key), std::move(a.v), std::move(a.collection));
    co_return text_of(r);
}

std::string blocking_insert(blocking_store& db, arguments a) {
    return text_of(db.insert(std::move(a.key), std::move(a.v), std::move(a.collection)));
}

operation_sample sample_of_insert() {
    operation_sample o = sample_of_put();
    o.operation = o.name = "insert";
    o.call = &insert;
    o.call_blocking = &blocking_insert;
    o.result = "written";
    o.is_conditional = true;
    return o;
}

operation_sample sample_of_insert_in_new_table() {
    operation_sample o = sample_of_insert();
    o.name = "insert that creates its table";
    o.good = {no_table, response(201), response(204)};
    o.first_write = 2;
    o.makes_table = true;
    return o;
}

asio::awaitable<std::string> replace(store db, arguments a) {
    const auto r =
        co_await db.replace(std::move(a.key), std::move(a.v), std::move(a.version), std::move(a.collection));
    co_return text_of(r);
}

std::string blocking_replace(blocking_store& db, arguments a) {
    return text_of(
        db.replace(std::move(a.key), std::move(a.v), std::move(a.version), std::move(a.collection)));
}

operation_sample sample_of_replace() {
    operation_sample o;
    o.operation = o.name = "replace";
    o.call = &replace;
    o.call_blocking = &blocking_replace;
    o.good = {response(204)};
    o.before = {{"k", numbered(5)}};
    o.result = "written";
    o.absent = "gone";
    o.changes = &changes_of_put;
    o.is_conditional = o.needs_version = true;
    return o;
}

asio::awaitable<std::string> update(store db, arguments a) {
    change_function change = [v = std::move(a.v)](std::optional<value>& found) { found = v; };
    const auto stored = co_await db.update(std::move(a.key), std::move(change), std::move(a.collection));
    co_return stored ? "updated" : "absent";
}

std::string blocking_update(blocking_store& db, arguments a) {
    const auto stored = db.update(
        std::move(a.key), [&](std::optional<value>& found) { found = a.v; }, std::move(a.collection));
    return stored ? "updated" : "absent";
}

operation_sample sample_of_update() {
    operation_sample o;
    o.operation = o.name = "update";
    o.call = &update;
    o.call_blocking = &blocking_update;
    o.good = {response(200, R"({"odata.etag":"W/\"1\"","PartitionKey":"default","RowKey":"k","i":5})"),
              response(204)};
    o.before = {{"k", numbered(5)}};
    o.result = "updated";
    o.changes = &changes_of_put;
    o.first_write = 1;
    o.is_conditional = true;
    return o;
}

asio::awaitable<std::string> erase_version(store db, arguments a) {
    const auto r = co_await db.erase(std::move(a.key), std::move(a.version), std::move(a.collection));
    co_return text_of(r);
}

std::string blocking_erase_version(blocking_store& db, arguments a) {
    return text_of(db.erase(std::move(a.key), std::move(a.version), std::move(a.collection)));
}

operation_sample sample_of_erase_version() {
    operation_sample o = sample_of_replace();
    o.operation = "erase";
    o.name = "erase of a version";
    o.call = &erase_version;
    o.call_blocking = &blocking_erase_version;
    o.changes = &changes_of_erase;
    return o;
}

asio::awaitable<std::string> put_all(store db, arguments a) {
    co_await db.put_all(std::move(a.pairs), std::move(a.collection), a.batch_size);
    co_return "done";
}

std::string blocking_put_all(blocking_store& db, arguments a) {
    db.put_all(std::move(a.pairs), std::move(a.collection), a.batch_size);
    return "done";
}

std::vector<changed_keys> changes_of_put_all(const arguments& a) {
    std::vector<changed_keys> all;
    std::size_t n = 0;
    for (const auto& [key, v] : a.pairs) {
        if (n++ % a.batch_size == 0) all.emplace_back();
        all.back().emplace(key, v);
    }
    return all;
}

operation_sample sample_of_put_all() {
    operation_sample o;
    o.operation = o.name = "put_all";
    o.call = &put_all;
    o.call_blocking = &blocking_put_all;
    o.good = {response(202, batch_answer(3))};
    o.result = "done";
    o.changes = &changes_of_put_all;
    o.batches = true;
    o.needs_table = true;
    return o;
}

operation_sample sample_of_put_all_by_two() {
    operation_sample o = sample_of_put_all();
    o.name = "put_all of three transactions";
    o.arguments.pairs = equal_pairs(6, o.arguments.v);
    o.arguments.batch_size = 2;
    o.good.assign(3, response(202, batch_answer(2)));
    return o;
}

} // namespace

operation_arguments::operation_arguments()
    : v(numbered(1)), version("W/\"datetime'2026-01-02T03%3A04%3A05Z'\""), pairs(equal_pairs(3, v)) {}

void operation_sample::find_version(blocking_store& db, operation_arguments& a) const {
    if (!needs_version) return;
    if (const auto row = db.get_entry(a.key, a.collection)) a.version = row->etag();
}

std::vector<std::pair<std::string, value>> equal_pairs(std::size_t n, const value& v) {
    std::vector<std::pair<std::string, value>> all;
    for (std::size_t i = 0; i < n; ++i) all.emplace_back("k" + std::to_string(i), v);
    return all;
}

const std::vector<operation_sample>& all_operations() {
    static const std::vector<operation_sample> all{
        sample_of_get(),
        sample_of_get_entry(),
        sample_of_get_all(),
        sample_of_query(),
        sample_of_put(),
        sample_of_put_in_new_table(),
        sample_of_erase(),
        sample_of_insert(),
        sample_of_insert_in_new_table(),
        sample_of_replace(),
        sample_of_update(),
        sample_of_erase_version(),
        sample_of_put_all(),
        sample_of_put_all_by_two(),
    };
    return all;
}

const operation_sample& operation_named(std::string_view name) {
    for (const operation_sample& o : all_operations())
        if (o.name == name) return o;
    throw std::logic_error("no operation of this name: " + std::string(name));
}

} // namespace azkv::test
