"""The exact form of responses: the names of their headers, and the order of the members in their bodies."""

from .auth import OTHER_KEY
from .batches import put, send_batch
from .client import FULL, NONE, SharedKey, entity, expect, require, typed
from .errors import FAILURES
from .sas import account_sas, table_sas
from .suite import test, tests

CLIENTS = {"connection", "content-length", "date", "keep-alive", "server", "transfer-encoding", "vary"}


def names(answer):
    return {name.lower() for name in answer.headers.keys()} - CLIENTS


STORAGE = {"cache-control", "x-content-type-options", "x-ms-request-id", "x-ms-version"}
COSMOS = {"x-ms-request-id"}
QUIET = {"Prefer": "return-no-content"}


def with_entity(operation):
    def run(s):
        table = s.table()
        s.insert(table, entity("a")).expect(201)
        return operation(s, table)

    return run


def refusal(s):
    table = s.table()
    return send_batch(s, [put(s, table, entity("none"), "*")]).answer.expect(202)


CONTINUED = {"x-ms-continuation-nextpartitionkey", "x-ms-continuation-nextrowkey"}


def long_query(s):
    table = s.table()
    for row in "ab":
        s.insert(table, entity(row)).expect(201)
    return s.query(table, top=1)


SUCCESSES = {  # beside those of all responses, in Table Storage and in Cosmos DB
    "create": (lambda s: s.create(s.new_name()), {"content-type", "location"}, {"content-type", "etag", "location"}),
    "create, quiet": (lambda s: s.create(s.new_name(), QUIET), {"dataserviceid", "location", "preference-applied"},
                      {"etag", "location", "preference-applied"}),
    "list of tables": (lambda s: s.send("GET", "/Tables", {"$top": 1}), {"content-type"}, {"content-type"}),
    "delete a table": (lambda s: s.delete_table(s.table()), set(), set()),
    "insert": (lambda s: s.insert(s.table(), entity()), {"content-type", "etag", "location"},
               {"content-type", "etag", "location"}),
    "insert, quiet": (lambda s: s.insert(s.table(), entity(), QUIET),
                      {"dataserviceid", "etag", "location", "preference-applied"},
                      {"etag", "location", "preference-applied"}),
    "put": (lambda s: s.put(s.table(), entity()), {"etag"}, {"etag"}),
    "merge": (lambda s: s.merge(s.table(), entity()), {"etag"}, {"etag"}),
    "get": (with_entity(lambda s, table: s.get(table, row="a")), {"content-type", "etag"}, {"content-type", "etag"}),
    "query": (with_entity(lambda s, table: s.query(table)), {"content-type"}, {"content-type"}),
    "query of a page": (long_query, {"content-type"} | CONTINUED, {"content-type"} | CONTINUED),
    "delete": (with_entity(lambda s, table: s.delete(table, row="a")), set(), set()),
    "insert, loud": (lambda s: s.insert(s.table(), entity(), {"Prefer": "return-content"}),
                     {"content-type", "etag", "location", "preference-applied"},
                     {"content-type", "etag", "location", "preference-applied"}),
    "put with an ETag": (with_entity(lambda s, table: s.put(table, entity("a"), "*")), {"etag"}, {"etag"}),
    "merge with an ETag": (with_entity(lambda s, table: s.merge(table, entity("a"), "*")), {"etag"}, {"etag"}),
    "batch": (lambda s: send_batch(s, [put(s, s.table(), entity())]).answer, {"content-type"}, {"content-type"}),
    "batch that fails": (refusal, {"content-type"}, {"content-type"}),
}


@tests("wire: the headers of {}", SUCCESSES)
def _(s, run, in_storage, in_cosmos):
    answer = run(s)
    require(answer.status < 300, answer)
    found = names(answer) - {"x-ms-continuation-nexttablename"}
    if s.mode == "cosmos" and answer.status == 204:
        found -= {"content-type"}  # which some have, and most of later years
    expect(found, STORAGE | in_storage if s.mode == "storage" else COSMOS | in_cosmos, "headers")
    if s.mode == "storage":
        expect(answer.header("Cache-Control"), "no-cache", "Cache-Control")
        expect(answer.header("X-Content-Type-Options"), "nosniff", "X-Content-Type-Options")


@tests("wire: the headers of a failure, {}", FAILURES)
def _(s, fail):
    expected = (STORAGE if s.mode == "storage" else COSMOS) | {"content-type"}
    if fail is FAILURES["no filter"]:  # Table Storage has refused one without Cache-Control
        expect(names(fail(s)) - {"cache-control"}, expected - {"cache-control"}, "headers")
    else:
        expect(names(fail(s)), expected, "headers")


@test("wire: the headers of a failure, a bad signature")
def _(s):
    answer = s.query(s.table(), authorize=SharedKey(s.account, OTHER_KEY)).expect(403)
    expected = {"content-type", "x-ms-request-id"}  # in Table Storage, by another server
    expect(names(answer), expected | {"x-ms-error-code"} if s.mode == "storage" else expected, "headers")
    expect(answer.header("Content-Type"), "application/json", "Content-Type")


@tests("wire: the headers of a failure, {}", {
    "a missing permission": lambda s, table: s.query(table, authorize=account_sas(s, "a")),
    "a row out of range": lambda s, table: s.insert(
        table, entity(), authorize=table_sas(s, table, spk="q", srk="q", epk="q", erk="q"))}, only="storage")
def _(s, fail):
    expect(names(fail(s, s.table()).expect(403)), STORAGE | {"content-type"}, "headers")


@tests("wire: a preference stands in the refusal of {}", {
    "a table that exists": FAILURES["a table that exists"], "a table's name": FAILURES["a table's name"],
    "an entity that exists": FAILURES["an entity that exists"]})
def _(s, fail):
    expect(fail(s, QUIET).header("Preference-Applied"), "return-no-content" if s.mode == "storage" else None)


def check_url(s, text, in_storage, in_cosmos=None):
    written = in_storage if s.mode == "storage" else in_cosmos
    table = s.table()
    url = f"{s.url}/{table}(PartitionKey='{written}',RowKey='{written}')"
    quiet, loud = s.insert(table, entity(text, text), QUIET), s.insert(s.table(), entity(text, text))
    expect(quiet.expect(204).header("Location"), url, "Location")
    expect(quiet.header("DataServiceId"), url if s.mode == "storage" else None, "DataServiceId")
    require(loud.expect(201).header("Location").endswith(url.rpartition("(")[2]), loud)


tests("wire: the URL of {}", {"quotes": ("it's", "it''s", "it''s"), "several quotes": ("a''b", "a''''b", "a''''b"),
                              "an at sign": ("a@b", "a%40b", "a@b")})(check_url)
tests("wire: the URL of {}", {  # in Cosmos DB they are not known
    "others": (":+,$\" %\u00e9", "%3A%2B%2C%24%22%20%25%C3%A9")}, only="storage")(check_url)


@tests("wire: the URL of a table, {}", {"quiet": (QUIET, 204), "loud": ({}, 201)})
def _(s, headers, status):
    name = s.new_name()
    answer, url = s.create(name, headers).expect(status), f"{s.url}/Tables('{name}')"
    expect(answer.header("Location"), url, "Location")
    expect(answer.header("DataServiceId"), url if s.mode == "storage" and status == 204 else None, "DataServiceId")


def members(found):
    return [name for name in found if not name.endswith("@odata.type")]


SENT = {"z": 1, "RowKey": "r", "b": 2, "PartitionKey": "p", "a": 3, "Timestamp": "2020-01-01T00:00:00Z"}


@test("wire: members in storage", only="storage")
def _(s):
    table = s.table()
    begin = ["odata.metadata", "odata.etag", "PartitionKey", "RowKey", "Timestamp"]
    inserted = s.insert(table, SENT).expect(201)
    expect(members(inserted.json), [*begin, "z", "b", "a"], "of an insert")
    expect(members(s.get(table).json), [*begin, "z", "b", "a"], "after an insert")
    s.merge(table, entity(c=4, B=5)).expect(204)
    expect(members(s.get(table).json), [*begin, "B", "a", "b", "c", "z"], "after a merge")
    for write in (s.merge, s.put):
        write(table, entity("new", z=1, b=2, a=3)).expect(204)
        expect(members(s.get(table, row="new").json), [*begin, "a", "b", "z"], "of an upsert")
        s.delete(table, row="new").expect(204)
    s.put(table, entity(z=1, Z=2, a=3)).expect(204)
    expect(members(s.get(table).json), [*begin, "Z", "a", "z"], "after a replacement")
    expect(members(s.get(table, headers={"Accept": NONE}).json), [*begin[2:], "Z", "a", "z"])
    full = s.get(table, headers={"Accept": FULL}).json
    expect(members(full), ["odata.metadata", "odata.type", "odata.id", "odata.etag", "odata.editLink", *begin[2:],
                           "Z", "a", "z"])
    expect(list(s.query(table).json), ["odata.metadata", "value"])
    expect(members(s.query(table).values[0]), [*begin[1:], "Z", "a", "z"])


@test("wire: members in Cosmos", only="cosmos")
def _(s):
    table = s.table()
    begin = ["odata.metadata", "odata.etag"]
    own = ["z", "RowKey", "b", "PartitionKey", "a", "Timestamp"]
    expect(members(s.insert(table, SENT).expect(201).json), [*begin, *own], "of an insert")
    s.merge(table, entity(c=4)).expect(204)
    expect(members(s.get(table).json), [*begin, *own[:-1], "c", "Timestamp"], "after a merge")
    for write in (s.put, s.merge):  # one replaces it, one creates it
        write(table, {"z": 1, "RowKey": "r", "PartitionKey": "p", "a": 3}).expect(204)
        expect(members(s.get(table).json), [*begin, "PartitionKey", "RowKey", "z", "a", "Timestamp"])
        s.delete(table).expect(204)
    s.insert(table, SENT).expect(201)
    expect(members(s.get(table, headers={"Accept": NONE}).json), own)
    full = s.get(table, headers={"Accept": FULL}).json
    expect(members(full), ["odata.type", "odata.id", "odata.editLink", *begin, *own])
    expect(list(s.query(table).json), ["value", "odata.metadata"])
    expect(members(s.query(table).values[0]), [begin[1], *own])
    expect(list(s.create(s.new_name()).json), ["TableName", "odata.metadata"])
    expect(list(s.send("GET", "/Tables", {"$top": 1}).json), ["value", "odata.metadata"])


@test("wire: members of a table, and of a list of them", only="storage")
def _(s):
    name = s.new_name()
    expect(list(s.create(name).expect(201).json), ["odata.metadata", "TableName"])
    answer = s.send("GET", "/Tables", {"$filter": f"TableName eq '{name}'"})
    expect((list(answer.json), answer.values), (["odata.metadata", "value"], [{"TableName": name}]))


@test("wire: annotations stand before their properties")
def _(s):
    table = s.table()
    s.insert(table, entity() | typed("l", "Int64", "5") | typed("t", "DateTime", "2020-01-01T00:00:00Z")).expect(201)
    found = list(s.get(table).expect(200).json)
    for name in "lt":
        expect(found.index(f"{name}@odata.type") + 1, found.index(name), name)
