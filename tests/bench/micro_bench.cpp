// The costs of the parts of a call, without a network, each next to what Boost.JSON needs for the same bytes:
// its parser with a handler that discards everything is the floor of decoding, its serializer that of
// encoding.
//
//   azkv-micro-bench [--benchmark_filter=REGEX] [...]

#include "client/service_context.hpp"
#include "codec/entity.hpp"
#include "identity/tokens/shared_key.hpp"
#include "net/response_reader.hpp"
#include "net/transport.hpp"
#include "store/store_impl.hpp"

#include <azkv.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <benchmark/benchmark.h>
#include <chrono>
#include <exception>
#include <limits>
#include <malloc.h>
#include <memory>
#include <string>
#include <string_view>

using namespace azkv;
namespace json = boost::json;
using benchmark::DoNotOptimize;
using benchmark::State;

namespace {

/// Sees everything and keeps nothing.
class null_handler {
public:
    static constexpr std::size_t max_array_size = std::numeric_limits<std::size_t>::max();
    static constexpr std::size_t max_object_size = std::numeric_limits<std::size_t>::max();
    static constexpr std::size_t max_string_size = std::numeric_limits<std::size_t>::max();
    static constexpr std::size_t max_key_size = std::numeric_limits<std::size_t>::max();

    using error_code = boost::system::error_code;

    bool on_document_begin(error_code&) { return true; }

    bool on_document_end(error_code&) { return true; }

    bool on_object_begin(error_code&) { return true; }

    bool on_object_end(std::size_t, error_code&) { return true; }

    bool on_array_begin(error_code&) { return true; }

    bool on_array_end(std::size_t, error_code&) { return true; }

    bool on_key_part(json::string_view, std::size_t, error_code&) { return true; }

    bool on_key(json::string_view, std::size_t, error_code&) { return true; }

    bool on_string_part(json::string_view, std::size_t, error_code&) { return true; }

    bool on_string(json::string_view, std::size_t, error_code&) { return true; }

    bool on_number_part(json::string_view, error_code&) { return true; }

    bool on_int64(std::int64_t, json::string_view, error_code&) { return true; }

    bool on_uint64(std::uint64_t, json::string_view, error_code&) { return true; }

    bool on_double(double, json::string_view, error_code&) { return true; }

    bool on_bool(bool, error_code&) { return true; }

    bool on_null(error_code&) { return true; }

    bool on_comment_part(json::string_view, error_code&) { return true; }

    bool on_comment(json::string_view, error_code&) { return true; }
};

// 1 KB of text in five members.
value make_texts(int i) {
    value v;
    for (int member = 0; member < 5; ++member) {
        std::string text = std::to_string(i);
        while (text.size() < 180) text += "abcdefghijklmnopqr";
        v["p" + std::to_string(member)] = text;
    }
    return v;
}

// 1 KB of typical document members.
value make_document(int i) {
    value v;
    v["title"] = "The analytical engine weaves algebraic patterns " + std::to_string(i);
    v["text"] = json::string(std::string(600, 'x'));
    v["author"] = "Ada Lovelace";
    v["language"] = "en";
    v["page"] = i;
    v["offset"] = 5'000'000'000 + i;
    v["score"] = 0.1 * i + 0.25;
    v["published"] = i % 2 == 0;
    v["tags"] = {"mathematics", "computing", "history"};
    v["source"] = {{"url", "https://example.com/notes/" + std::to_string(i)}, {"line", i}};
    v["embedding_model"] = "small";
    v["updated"] = "2026-11-22T12:00:00Z";
    return v;
}

// An entity in the form that the service answers with.
std::string as_answered(std::string entity) {
    const std::string_view doubles = R"("score@odata.type":"Edm.Double",)";
    if (const auto at = entity.find(doubles); at != entity.npos) entity.erase(at, doubles.size());
    return R"({"odata.etag":"W/\"datetime'2026-11-22T12%3A00%3A00.1234567Z'\"",)"
           + entity.substr(1, entity.size() - 2) + R"(,"Timestamp":"2026-11-22T12:00:00.1234567Z"})";
}

using maker = value (*)(int);

std::string encode(const value& v) {
    return codec::encode_entity(codec::entity_key("default", "key"), v, service_mode::storage);
}

std::string make_entity(maker make, int i) {
    return as_answered(encode(make(i)));
}

std::string make_page(maker make) {
    std::string page = R"({"odata.metadata":"http://localhost/$metadata#data","value":[)";
    for (int i = 0; i < 1000; ++i) page.append(i == 0 ? "" : ",").append(make_entity(make, i));
    return page.append("]}");
}

void parse_to_nothing(const std::string& text) {
    boost::system::error_code ec;
    json::basic_parser<null_handler> parser{json::parse_options()};
    if (parser.write_some(false, text.data(), text.size(), ec) != text.size() || ec) std::terminate();
}

void encode_value(State& state, maker make) {
    const value v = make(7);
    for (auto _ : state) DoNotOptimize(encode(v));
}

void json_serialize_value(State& state, maker make) {
    const value v = make(7);
    for (auto _ : state) DoNotOptimize(json::serialize(v));
}

void decode_entity(State& state, maker make) {
    const std::string entity = make_entity(make, 7);
    for (auto _ : state) DoNotOptimize(codec::decode_entity(entity, {}));
}

void null_parse_entity(State& state, maker make) {
    const std::string entity = make_entity(make, 7);
    for (auto _ : state) parse_to_nothing(entity);
}

void json_parse_entity(State& state, maker make) {
    const std::string entity = make_entity(make, 7);
    for (auto _ : state) DoNotOptimize(json::parse(entity));
}

void decode_page(State& state, maker make) {
    const std::string page = make_page(make);
    for (auto _ : state) DoNotOptimize(codec::decode_page(page));
}

void null_parse_page(State& state, maker make) {
    const std::string page = make_page(make);
    for (auto _ : state) parse_to_nothing(page);
}

void json_parse_page(State& state, maker make) {
    const std::string page = make_page(make);
    for (auto _ : state) DoNotOptimize(json::parse(page));
}

constexpr auto target = "/acct/data(PartitionKey='default',RowKey='key')";

void sign_request(State& state) {
    const identity::shared_key key("acct", "c2VjcmV0LXNlY3JldA==");
    identity::signing_input request;
    request.method = "GET";
    request.target = target;
    const auto now = std::chrono::system_clock::now();
    std::string head;
    head.reserve(1024);
    for (auto _ : state) {
        head.clear();
        key.append_headers(head, request, now);
        DoNotOptimize(head.data());
    }
}

// A response with this body, which arrives in pieces.
void read_answer(State& state, const std::string& body) {
    const std::string answer = "HTTP/1.1 200 OK\r\n"
                               "Cache-Control: no-cache\r\n"
                               "Content-Type: application/json;odata=minimalmetadata;charset=utf-8\r\n"
                               "ETag: W/\"datetime'2026-11-22T12%3A00%3A00.1234567Z'\"\r\n"
                               "x-ms-request-id: 49e20f3a-d95e-413b-88a2-e96f203eabaa\r\n"
                               "x-ms-version: 2020-12-06\r\n"
                               "Date: Sun, 22 Nov 2026 12:00:00 GMT\r\n"
                               "Content-Length: "
                               + std::to_string(body.size()) + "\r\n\r\n" + body;
    net::response_reader reader{net::response_reader::limits()};
    for (auto _ : state) {
        protocol::response response;
        reader.start(response, {});
        auto progress = net::response_reader::progress::need_more;
        for (std::size_t at = 0; progress == net::response_reader::progress::need_more;) {
            const std::size_t n =
                boost::asio::buffer_copy(reader.prepare(), boost::asio::buffer(answer) + at);
            at += n;
            progress = reader.commit(n);
        }
        if (progress != net::response_reader::progress::done) std::terminate();
        DoNotOptimize(response.body.data());
    }
}

void read_entity_answer(State& state) {
    read_answer(state, make_entity(make_texts, 7));
}

void read_page_answer(State& state) {
    read_answer(state, make_page(make_texts));
}

/// Returns the response at once.
class canned_transport final : public net::transport {
public:
    explicit canned_transport(std::string body) { response_.body = std::move(body); }

    void close() override {}

    boost::asio::awaitable<void> run(net::exchange& x) override {
        x.write_head();
        x.response = response_;
        x.response.status = x.body.empty() ? 200 : 204;
        co_return;
    }

private:
    protocol::response response_;
};

/// A store without a network.
class local_store {
public:
    template <class Operation>
    void run(Operation op) {
        boost::asio::co_spawn(context_, op(db_), [](std::exception_ptr failure) {
            if (failure) std::rethrow_exception(failure);
        });
        context_.run();
    }

private:
    boost::asio::io_context context_{1};
    store db_ = detail::store_access::make(context_.get_executor(),
                                           std::make_shared<const client::service_context>(
                                               "http://127.0.0.1:10002/acct",
                                               credential::shared_key("acct", "c2VjcmV0LXNlY3JldA=="),
                                               store_options()),
                                           std::make_shared<canned_transport>(make_entity(make_texts, 7)));
};

boost::asio::awaitable<void> get_again_and_again(State& state, store db) {
    for (auto _ : state) {
        auto found = co_await db.get("key");
        DoNotOptimize(found);
    }
}

boost::asio::awaitable<void> put_again_and_again(State& state, store db) {
    const value v = make_texts(7);
    for (auto _ : state) co_await db.put("key", v);
}

void get_without_network(State& state) {
    local_store().run([&](const store& db) { return get_again_and_again(state, db); });
}

void put_without_network(State& state) {
    local_store().run([&](const store& db) { return put_again_and_again(state, db); });
}

BENCHMARK_CAPTURE(encode_value, texts, make_texts);
BENCHMARK_CAPTURE(json_serialize_value, texts, make_texts);
BENCHMARK_CAPTURE(encode_value, documents, make_document);
BENCHMARK_CAPTURE(json_serialize_value, documents, make_document);
BENCHMARK_CAPTURE(decode_entity, texts, make_texts);
BENCHMARK_CAPTURE(null_parse_entity, texts, make_texts);
BENCHMARK_CAPTURE(json_parse_entity, texts, make_texts);
BENCHMARK_CAPTURE(decode_entity, documents, make_document);
BENCHMARK_CAPTURE(null_parse_entity, documents, make_document);
BENCHMARK_CAPTURE(json_parse_entity, documents, make_document);
BENCHMARK_CAPTURE(decode_page, texts, make_texts);
BENCHMARK_CAPTURE(null_parse_page, texts, make_texts);
BENCHMARK_CAPTURE(json_parse_page, texts, make_texts);
BENCHMARK_CAPTURE(decode_page, documents, make_document);
BENCHMARK_CAPTURE(null_parse_page, documents, make_document);
BENCHMARK_CAPTURE(json_parse_page, documents, make_document);
BENCHMARK(sign_request);
BENCHMARK(read_entity_answer);
BENCHMARK(read_page_answer);
BENCHMARK(get_without_network);
BENCHMARK(put_without_network);

} // namespace

int main(int argc, char** argv) {
    // The kernel's page faults are not the codec's: freed memory stays with the process.
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
    mallopt(M_MMAP_THRESHOLD, 1 << 30);
    mallopt(M_TOP_PAD, 1 << 27);
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
    benchmark::RunSpecifiedBenchmarks();
}
