#include "emulator/batches.hpp"

#include "emulator/batch_format.hpp"
#include "emulator/entities.hpp"
#include "emulator/queries.hpp"
#include "support/ascii.hpp"

#include <set>

namespace azkv::emulation {

namespace {

/// The failure of one operation.
class operation_failure {
public:
    std::size_t index;
    failure why;
};

void add_part_headers(reply& part, service_mode mode, std::size_t index) {
    part.headers.emplace_back("X-Content-Type-Options", "nosniff");
    part.headers.emplace_back("Cache-Control", "no-cache");
    part.headers.emplace_back("DataServiceVersion", part.status == 201 ? "3.0;" : "1.0;");
    if (mode == service_mode::cosmos) part.headers.emplace_back("Content-ID", std::to_string(index + 1));
}

reply envelope(const std::vector<reply>& parts, bool is_query, service_mode mode, std::string_view id) {
    batch_response written = write_batch(parts, is_query, mode, id);
    reply answer;
    answer.status = 202;
    answer.headers.emplace_back("Content-Type", std::move(written.content_type));
    answer.body = std::move(written.body);
    return answer;
}

/// Executes the operations of a changeset in order.
class changeset {
public:
    explicit changeset(const context& c) : context_(c) {}

    reply run(const request& r) {
        const target t = read_target(r.target, batch_host(r.target), context_.account, context_.mode);
        const std::string method = effective_method(r, context_.mode);
        const bool here = r.target.starts_with("http://") || r.target.starts_with("https://");
        if (!is_entity_write(method, t) || t.secondary || !here) throw invalid_input();
        check_place(t, method == "POST" ? keys_of_body(r) : std::pair(t.partition_key, t.row_key));
        return write_entity(context_, r, method, t);
    }

private:
    // The host of an absolute URL; otherwise empty.
    static std::string_view batch_host(std::string_view url) {
        const auto scheme = url.find("://");
        if (scheme == url.npos) return {};
        url.remove_prefix(scheme + 3);
        return url.substr(0, url.find('/'));
    }

    std::pair<std::string, std::string> keys_of_body(const request& r) const {
        sent_entity e = read_entity(r.body, context_.mode);
        return {std::move(e.partition_key).value_or(""), std::move(e.row_key).value_or("")};
    }

    void check_place(const target& t, const std::pair<std::string, std::string>& keys) {
        if (rows_.empty()) {
            table_ = t.table;
            partition_key_ = keys.first;
        }
        const bool same_table =
            context_.case_sensitive() ? t.table == table_ : ascii::is_equal(t.table, table_);
        if (!same_table) throw invalid_input();
        if (keys.first != partition_key_)
            throw failure(400, "CommandsInBatchActOnDifferentPartitions",
                          "All commands in a batch must operate on same entity group.");
        if (!rows_.insert(keys.second).second)
            throw failure(400, "InvalidDuplicateRow",
                          "The batch request contains multiple changes with same row key. An entity can "
                          "appear only once in a batch request.");
    }

    const context& context_;
    std::string table_;
    std::string partition_key_;
    std::set<std::string> rows_;
};

std::vector<reply> run_changeset(const context& c, const std::vector<request>& operations) {
    // The service reports the last operation within the limit.
    if (operations.size() > limits::batch_operations)
        throw operation_failure{limits::batch_operations - 1, invalid_input()};
    std::vector<reply> parts;
    changeset set(c);
    storage::transaction all(c.db);
    for (const request& r : operations) {
        try {
            parts.push_back(set.run(r));
        } catch (const failure& f) {
            throw operation_failure{parts.size(), f};
        }
        add_part_headers(parts.back(), c.mode, parts.size() - 1);
    }
    all.commit();
    return parts;
}

} // namespace

std::string effective_method(const request& r, service_mode mode) {
    const std::string* const tunnelled = find_header(r.headers, "X-HTTP-Method");
    if (!tunnelled) {
        if (mode == service_mode::cosmos && (r.method == "PATCH" || r.method == "MERGE"))
            throw failure(405, "MethodNotAllowed", "The resource doesn't support the specified Http Verb.");
        return r.method;
    }
    if (r.method != "POST")
        throw failure(400, "XMethodNotUsingPost", "X-HTTP-Method is set on a request that is not a POST.");
    if (*tunnelled != "MERGE" && *tunnelled != "PATCH" && *tunnelled != "PUT" && *tunnelled != "DELETE")
        throw failure(400, "XMethodIncorrectValue", "The X-HTTP-Method is not one that is allowed.");
    return *tunnelled;
}

reply run_batch(const context& c, const request& r, const error_writer& write_error, std::string_view id) {
    const batch_request batch = parse_batch(r.header("Content-Type"), r.body);
    if (batch.is_query) {
        const request& query = batch.operations.front();
        reply part;
        try {
            const target t = read_target(query.target, {}, c.account, c.mode);
            if (t.what == target::kind::entity)
                part = get_entity(c, query, t);
            else if (t.what == target::kind::entities)
                part = query_entities(c, query, t);
            else
                throw invalid_input();
        } catch (const failure& f) {
            part = write_error(f);
        }
        return envelope({part}, true, c.mode, id);
    }
    try {
        return envelope(run_changeset(c, batch.operations), false, c.mode, id);
    } catch (const operation_failure& f) {
        // Table Storage omits the index of the first operation.
        const bool counted = f.index > 0 || c.mode == service_mode::cosmos;
        reply part = write_error(failure(f.why.status(), f.why.code(),
                                         (counted ? std::to_string(f.index) + ":" : "") + f.why.message()));
        return envelope({part}, false, c.mode, id);
    }
}

reply batch_refusal(const reply& error, service_mode mode, std::string_view id) {
    return envelope({error}, false, mode, id);
}

} // namespace azkv::emulation
