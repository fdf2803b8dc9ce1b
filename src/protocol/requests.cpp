#include "protocol/requests.hpp"

#include "protocol/percent_encoding.hpp"

#include <boost/algorithm/string/replace.hpp>

namespace azkv::protocol {

namespace {

constexpr std::string_view json_type = "application/json";

std::string doubled_quotes(std::string_view text) {
    return boost::algorithm::replace_all_copy(std::string(text), "'", "''");
}

void append_key(std::string& path, std::string_view key) {
    if (key.find('\'') != key.npos)
        append_encoded(path, doubled_quotes(key));
    else
        append_encoded(path, key);
}

void add_parameter(std::string& query, std::string_view name, std::string_view text) {
    if (!query.empty()) query.push_back('&');
    query.append(name);
    query.push_back('=');
    append_encoded(query, text);
}

request entity_request(std::string_view name, std::string_view method, std::string_view table,
                       const codec::entity_key& key) {
    request r;
    r.name = name;
    r.method = method;
    r.idempotency = idempotency::idempotent;
    append_entity_path(r.path, table, key);
    r.effect = method == "GET" ? effect::reads : effect::changes_entities;
    return r;
}

} // namespace

void append_entity_path(std::string& path, std::string_view table, const codec::entity_key& key) {
    path.reserve(path.size() + sizeof "/(PartitionKey='',RowKey='')" + table.size() + key.partition.size()
                 + key.row.size());
    path.append("/").append(table).append("(PartitionKey='");
    append_key(path, key.partition);
    path.append("',RowKey='");
    append_key(path, key.row);
    path.append("')");
}

std::string string_literal(std::string_view text) {
    return '\'' + doubled_quotes(text) + '\'';
}

request create_table(std::string_view table) {
    request r;
    r.name = "create table";
    r.method = "POST";
    r.path = "/Tables";
    r.idempotency = idempotency::idempotent; // with a 409 as success
    r.effect = effect::changes_tables;
    r.prefer = "return-no-content";
    r.content_type = json_type;
    r.body = R"({"TableName":")" + std::string(table) + R"("})"; // letters and digits only
    r.success = success_statuses(204, 201);                      // with and without the preference
    return r;
}

request upsert_entity(std::string_view table, const codec::entity_key& key, std::string body) {
    request r = entity_request("put entity", "PUT", table, key);
    r.content_type = json_type;
    r.body = std::move(body);
    r.success = success_statuses(204);
    return r;
}

request get_entity(std::string_view table, const codec::entity_key& key, std::string_view select) {
    request r = entity_request("get entity", "GET", table, key);
    r.success = success_statuses(200);
    if (!select.empty()) add_parameter(r.query, "$select", select);
    return r;
}

request insert_entity(std::string_view table, std::string body) {
    request r;
    r.name = "insert entity";
    r.method = "POST";
    r.path = "/" + std::string(table);
    r.effect = effect::changes_entities;
    r.prefer = "return-no-content";
    r.content_type = json_type;
    r.body = std::move(body);
    r.success = success_statuses(204, 201); // with and without the preference
    return r;
}

request replace_entity(std::string_view table, const codec::entity_key& key, std::string body,
                       std::string version) {
    request r = upsert_entity(table, key, std::move(body));
    r.name = "replace entity";
    r.if_match = std::move(version);
    return r;
}

request delete_entity(std::string_view table, const codec::entity_key& key, std::string version) {
    request r = entity_request("delete entity", "DELETE", table, key);
    r.if_match = std::move(version); // the service requires the header
    r.success = success_statuses(204);
    return r;
}

request query_entities(std::string_view table, std::string_view filter, std::string_view select,
                       const continuation& from) {
    request r;
    r.name = "query entities";
    r.idempotency = idempotency::idempotent;
    r.method = "GET";
    r.path = '/' + std::string(table) + "()";
    r.success = success_statuses(200);
    if (!filter.empty()) add_parameter(r.query, "$filter", filter);
    if (!select.empty()) add_parameter(r.query, "$select", select);
    r.is_continuation = !from.empty();
    if (from.next_partition_key) add_parameter(r.query, "NextPartitionKey", *from.next_partition_key);
    if (from.next_row_key) add_parameter(r.query, "NextRowKey", *from.next_row_key);
    return r;
}

} // namespace azkv::protocol
