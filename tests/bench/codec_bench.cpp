// What the codec costs, as a ratio to what Boost.JSON does with the same bytes in the same run: for decoding
// its parser with a handler that throws all away, for encoding its serializer. CPU time of this thread, the
// median of rounds in which codec and floor take turns, so that noise meets both.

#include "codec/entity.hpp"

#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <limits>
#include <malloc.h>
#include <optional>
#include <string>
#include <vector>

using namespace azkv;
namespace json = boost::json;

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

void require(bool holds, const char* what) {
    if (holds) return;
    std::fprintf(stderr, "codec_bench: %s\n", what);
    std::exit(EXIT_FAILURE);
}

bool parse_to_nothing(const std::string& text) {
    boost::system::error_code ec;
    json::basic_parser<null_handler> parser{json::parse_options()};
    require(parser.write_some(false, text.data(), text.size(), ec) == text.size() && !ec, "no JSON");
    return true;
}

double cpu_time() {
    timespec t{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

// The results live until the clock has stopped: taking them apart is no work of a codec, and the floor has
// none.
template <class Work>
double time_of(Work work, int times) {
    std::vector<std::optional<decltype(work())>> results(static_cast<std::size_t>(times));
    const double start = cpu_time();
    for (auto& result : results) result = work();
    return (cpu_time() - start) / times;
}

double median(std::vector<double> all) {
    std::ranges::nth_element(all, all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2));
    return all[all.size() / 2];
}

// Returns the median ratio.
template <class Codec, class Floor>
double compare(const char* name, Codec codec, Floor floor, int times) {
    std::vector<double> ratios, codec_times, floor_times;
    for (int round = 0; round < 25; ++round) {
        const double a = time_of(codec, times);
        const double b = time_of(floor, times);
        codec_times.push_back(a);
        floor_times.push_back(b);
        ratios.push_back(a / b);
    }
    const auto [least, most] = std::ranges::minmax(ratios);
    const double ratio = median(ratios);
    std::printf("%-28s %9.2f us   floor %9.2f us   ratio %.2f (%.2f to %.2f)\n", name,
                1e6 * median(codec_times), 1e6 * median(floor_times), ratio, least, most);
    return ratio;
}

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

// 1 KB of what documents are made of.
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

// An entity as the service answers with it.
std::string as_answered(std::string entity) {
    const std::string_view doubles = R"("score@odata.type":"Edm.Double",)";
    if (const auto at = entity.find(doubles); at != entity.npos) entity.erase(at, doubles.size());
    return R"({"odata.etag":"W/\"datetime'2026-11-22T12%3A00%3A00.1234567Z'\"",)"
           + entity.substr(1, entity.size() - 2) + R"(,"Timestamp":"2026-11-22T12:00:00.1234567Z"})";
}

void run(const char* kind, value (*make)(int)) {
    const value v = make(7);
    const auto encode = [](const value& what) {
        return codec::encode_entity("default", "key", what, service_mode::storage);
    };
    const std::string entity = as_answered(encode(v));
    std::string page = R"({"odata.metadata":"http://localhost/$metadata#data","value":[)";
    for (int i = 0; i < 1000; ++i) page.append(i == 0 ? "" : ",").append(as_answered(encode(make(i))));
    page.append("]}");
    require(codec::decode_entity(entity) == v && codec::decode_page(page).size() == 1000,
            "the codec is wrong");
    std::printf("%s: a value of %zu bytes as JSON, an entity of %zu, a page of 1,000 of %zu\n", kind,
                json::serialize(v).size(), entity.size(), page.size());

    const auto nothing = [](const std::string& text) { return [&] { return parse_to_nothing(text); }; };
    compare(
        "  encode a value", [&] { return encode(v); }, [&] { return json::serialize(v); }, 1000);
    compare(
        "  decode an entity", [&] { return codec::decode_entity(entity); }, nothing(entity), 1000);
    compare(
        "  decode a page", [&] { return codec::decode_page(page); }, nothing(page), 2);
    compare(
        "  (json::parse of the page)", [&] { return json::parse(page); }, nothing(page), 2);
}

} // namespace

int main() {
    // The kernel's page faults are not the codec's: memory that was free once stays with the process.
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
    mallopt(M_MMAP_THRESHOLD, 1 << 30);
    mallopt(M_TOP_PAD, 1 << 27);
    run("texts", make_texts);
    run("documents", make_document);
}
