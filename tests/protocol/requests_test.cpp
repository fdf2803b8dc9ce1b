#include "protocol/batch.hpp"
#include "protocol/requests.hpp"

#include <doctest/doctest.h>

using namespace azkv::protocol;

TEST_CASE("keys in paths") {
    const auto entity_path = [](std::string_view table, std::string_view partition, std::string_view row) {
        std::string path = "https://h";
        append_entity_path(path, table, azkv::codec::entity_key(partition, row));
        return path.substr(sizeof "https://h" - 1);
    };
    CHECK(entity_path("T", "p", "r") == "/T(PartitionKey='p',RowKey='r')");
    CHECK(entity_path("T", "it's", "a b") == "/T(PartitionKey='it%27%27s',RowKey='a%20b')");
    CHECK(entity_path("T", "", "%+é&=;,()~")
          == "/T(PartitionKey='',RowKey='%25%2B%C3%A9%26%3D%3B%2C%28%29~')");
    CHECK(string_literal("it's") == "'it''s'");
}

TEST_CASE("requests") {
    const request create = create_table("T");
    CHECK(create.method == "POST");
    CHECK(create.path == "/Tables");
    CHECK(create.body == R"({"TableName":"T"})");
    CHECK(create.prefer == "return-no-content");

    const request put = upsert_entity("T", azkv::codec::entity_key("p", "r"), "{}");
    CHECK(put.method == "PUT");
    CHECK(put.content_type == "application/json");
    CHECK(put.if_match.empty()); // with one it would be an update
    CHECK(put.body == "{}");

    const request get = get_entity("T", azkv::codec::entity_key("p", "r"), "a,b");
    CHECK(get.method == "GET");
    CHECK(get.query == "$select=a%2Cb");
    CHECK(get.body.empty());
    CHECK(get_entity("T", azkv::codec::entity_key("p", "r"), "").query == "");

    const request erase = delete_entity("T", azkv::codec::entity_key("p", "r"));
    CHECK(erase.method == "DELETE");
    CHECK(erase.if_match == "*");
    CHECK(delete_entity("T", azkv::codec::entity_key("p", "r"), "W/\"1\"").if_match == "W/\"1\"");

    const request insert = insert_entity("T", "{}");
    CHECK(insert.method == "POST");
    CHECK(insert.path == "/T");
    CHECK(insert.prefer == "return-no-content");
    CHECK(insert.if_match.empty());
    CHECK(insert.idempotency == idempotency::never);

    const request replace = replace_entity("T", azkv::codec::entity_key("p", "r"), "{}", "W/\"1\"");
    CHECK(replace.method == "PUT");
    CHECK(replace.if_match == "W/\"1\"");
}

TEST_CASE("every page of a query repeats its filter and its columns with the continuation") {
    continuation from;
    CHECK(from.empty());
    CHECK(query_entities("T", "", "", from).path == "/T()");
    CHECK(query_entities("T", "", "", from).query == "");
    CHECK(query_entities("T", "a eq 'x y'", "", from).query == "$filter=a%20eq%20%27x%20y%27");
    from.next_partition_key = "a+b/c=";
    CHECK_FALSE(from.empty());
    CHECK(query_entities("T", "", "", from).query == "NextPartitionKey=a%2Bb%2Fc%3D");
    from.next_row_key = "{\"token\":\"é\"}";
    CHECK(query_entities("T", "f", "s", from).query
          == "$filter=f&$select=s&NextPartitionKey=a%2Bb%2Fc%3D&NextRowKey=%7B%22token%22%3A%22%C3%A9%22%7D");
    from.next_partition_key.reset();
    CHECK_FALSE(from.empty());
    CHECK(query_entities("T", "", "", from).query.starts_with("NextRowKey="));
}

TEST_CASE("a response keeps its ETag whatever its length") {
    for (const std::size_t size : {0, 1, 63, 64, 1000}) {
        const std::string etag(size, 'e');
        response r;
        r.status = 204;
        r.keep_header("etag", etag);
        CHECK(r.etag.view() == etag);
        const response copy = r;
        CHECK(copy.etag.view() == etag);
        CHECK(copy.etag.empty() == (size == 0));
    }
}

TEST_CASE("every request says whether it may be repeated") {
    CHECK(request().idempotency == idempotency::never); // unless its builder knows better
    const azkv::codec::entity_key key("p", "r");
    for (const request& r : {upsert_entity("T", key, "{}"), get_entity("T", key, ""), delete_entity("T", key),
                             create_table("T"), query_entities("T", "", "", {})})
        CHECK(r.idempotency == idempotency::idempotent);
    batch_builder batch(parse_endpoint("https://h"), "id");
    CHECK(batch.release().idempotency == idempotency::idempotent);
}
