#include "emulator/batches.hpp"

#include "emulator/batch_format.hpp"
#include "emulator/entities.hpp"
#include "emulator/queries.hpp"
#include "support/ascii.hpp"

#include <algorithm>
#include <iterator>
#include <set>

namespace azkv::emulation {

namespace {

/// The failure of one operation.
class operation_failure {
public:
    std::size_t index;
    failure why;
};

// Adds the headers that Table Storage writes first in each part.
void add_part_headers(reply& part, const request& operation, bool is_about_entity) {
    const bool has_content = is_insert(operation) || operation.method == "GET" || part.status >= 400;
    headers first;
    first.reserve(4 + part.headers.size());
    if (const std::string* const id = find_header(operation.headers, "Content-ID"))
        first.emplace_back("Content-ID", *id);
    first.emplace_back("X-Content-Type-Options", "nosniff");
    if (is_about_entity) first.emplace_back("Cache-Control", "no-cache");
    first.emplace_back("DataServiceVersion", has_content ? "3.0;" : "1.0;");
    std::ranges::move(part.headers, std::back_inserter(first));
    part.headers = std::move(first);
}

reply envelope(const std::vector<reply>& parts, bool is_query, service_mode mode, std::string_view id) {
    batch_response written = write_batch(parts, is_query, mode, id);
    reply answer;
    answer.status = 202;
    answer.headers.emplace_back("Content-Type", std::move(written.content_type));
    answer.body = std::move(written.body);
    return answer;
}

target target_of(const context& c, const request& operation) {
    return read_operation_target(operation.target, c.host, c.account, c.mode);
}

/// An operation that may be executed.
class checked_operation {
public:
    const request& what;
    std::string method;
    emulation::target target;
};

/// Checks that the operations of a changeset belong together.
class changeset {
public:
    explicit changeset(const context& c) : context_(c) {}

    checked_operation check(const request& r) {
        checked_operation o{r, effective_method(r, context_.mode), target_of(context_, r)};
        if (!is_entity_write(o.method, o.target) || o.target.secondary) throw invalid_input();
        check_place(o.target, o.method == "POST" ? keys_of_body(r)
                                                 : std::pair(o.target.partition_key, o.target.row_key));
        return o;
    }

private:
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

// The rows of a batch share a timestamp, unless the clock of Table Storage moves on meanwhile: it has steps
// of a millisecond.
std::function<ticks()> clock_of_batch(const context& c) {
    if (c.mode == service_mode::cosmos) return c.next_timestamp;
    return [&c, last = std::optional<ticks>()]() mutable {
        constexpr ticks step = 10'000;
        const ticks now = c.next_timestamp();
        if (!last || now - *last >= step) last = now;
        return *last;
    };
}

std::vector<reply> run_changeset(const context& c, const std::vector<request>& operations) {
    // The service reports the last operation within the limit.
    if (operations.size() > limits::batch_operations)
        throw operation_failure{
            limits::batch_operations - 1,
            invalid_input("The batch request operation exceeds the maximum 100 changes per change set.")};
    std::vector<checked_operation> checked;
    std::vector<reply> parts;
    checked.reserve(operations.size());
    parts.reserve(operations.size());
    changeset set(c);
    context inside = c;
    inside.next_timestamp = clock_of_batch(c);
    storage::transaction all(c.db);
    const auto run = [&](std::size_t n) {
        parts.push_back(write_entity(inside, checked[n].what, checked[n].method, checked[n].target));
        if (c.mode == service_mode::storage)
            add_part_headers(parts.back(), operations[n], true);
        else
            parts.back().headers.emplace_back("Content-ID", std::to_string(n + 1));
    };
    std::size_t at = 0;
    try {
        // Cosmos DB looks at all operations before it executes the first.
        for (; at < operations.size(); ++at) {
            checked.push_back(set.check(operations[at]));
            if (c.mode == service_mode::storage) run(at);
        }
        if (c.mode == service_mode::cosmos)
            for (at = 0; at < operations.size(); ++at) run(at);
    } catch (const failure& f) {
        throw operation_failure{at, f};
    }
    all.commit();
    return parts;
}

// What the service's message begins with.
std::string index_text(const operation_failure& f, service_mode mode) {
    const std::string_view code = f.why.code();
    const bool is_left_out = mode == service_mode::cosmos
                                 ? f.why.is_missing_table()
                                 : f.index == 0
                                       && (code == "ResourceNotFound" || code == "UpdateConditionNotSatisfied"
                                           || code == "EntityAlreadyExists");
    return is_left_out ? std::string() : std::to_string(f.index) + ":";
}

// Returns the part that reports a failure.
reply failed_part(const context& c, const request& operation, const operation_failure& f,
                  const std::string& index, const error_writer& write_error) {
    const std::string_view end = c.mode == service_mode::cosmos && !index.empty() ? "\n" : "";
    reply part = write_error(
        operation, failure(f.why.status(), f.why.code(), index + f.why.message() + std::string(end)));
    if (c.mode == service_mode::storage) add_part_headers(part, operation, !f.why.is_missing_table());
    return part;
}

reply run_query(const context& c, const request& query, const error_writer& write_error) {
    reply part;
    try {
        const target t = target_of(c, query);
        if (t.what == target::kind::entity)
            part = get_entity(c, query, t);
        else if (t.what == target::kind::entities)
            part = query_entities(c, query, t);
        else
            throw invalid_input();
    } catch (const failure& f) {
        return failed_part(c, query, {0, f}, "0:", write_error); // with an index whatever the failure
    }
    if (c.mode == service_mode::storage) add_part_headers(part, query, true);
    return part;
}

// An operation without `Accept` has that of the batch. What the service does then is not known.
void complete(std::vector<request>& operations, const request& batch) {
    const std::string* const accept = find_header(batch.headers, "Accept");
    if (!accept) return;
    for (request& r : operations)
        if (!find_header(r.headers, "Accept")) r.headers.emplace_back("Accept", *accept);
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
    batch_request batch = parse_batch(r.header("Content-Type"), r.body);
    complete(batch.operations, r);
    if (batch.is_query)
        return envelope({run_query(c, batch.operations.front(), write_error)}, true, c.mode, id);
    try {
        return envelope(run_changeset(c, batch.operations), false, c.mode, id);
    } catch (const operation_failure& f) {
        const std::string index = index_text(f, c.mode);
        // What the gateway of Cosmos DB refuses, it refuses as a whole.
        if (c.mode == service_mode::cosmos && is_of_gateway(f.why.status()))
            throw failure(f.why.status(), f.why.code(), index + f.why.message());
        return envelope({failed_part(c, batch.operations[f.index], f, index, write_error)}, false, c.mode,
                        id);
    }
}

reply batch_refusal(const reply& error, service_mode mode, std::string_view id) {
    return envelope({error}, false, mode, id);
}

} // namespace azkv::emulation
