"""The operations on one entity."""

from urllib.parse import quote

from .client import NONE, entity, expect, expect_match, require
from .suite import test, tests


def stored(s, table):
    return s.get(table).own


@test("entities: insert")
def _(s):
    table = s.table()
    answer = s.insert(table, entity(a=1, b="x")).expect(201)
    written = answer.json
    expect((written.get("PartitionKey"), written.get("RowKey"), written.get("a"), written.get("b")),
           ("p", "r", 1, "x"))
    expect(answer.etag, written.get("odata.etag"), "ETag")
    expect(s.get(table).etag, answer.etag, "ETag")
    expect(stored(s, table), {"a": 1, "b": "x"})


@test("entities: insert says where the entity is")
def _(s):
    table = s.table()
    answer = s.insert(table, entity("it's here")).expect(201)
    require(s.is_at(answer.header("Location"), s.path_of(table, entity("it's here"))),
            f"Location {answer.header('Location')}")


@test("entities: insert with Prefer: return-no-content")
def _(s):
    table = s.table()
    answer = s.insert(table, entity(a=1), {"Prefer": "return-no-content"}).expect(204)
    expect(answer.header("Preference-Applied"), "return-no-content")
    expect(answer.body, b"")
    expect(s.get(table).etag, answer.etag, "ETag")


@test("entities: insert with Prefer: return-content")
def _(s):
    answer = s.insert(s.table(), entity(a=1), {"Prefer": "return-content"}).expect(201)
    expect(answer.header("Preference-Applied"), "return-content")
    expect(answer.json.get("a"), 1)


@test("entities: insert, no metadata")
def _(s):
    answer = s.insert(s.table(), entity(a=1), {"Accept": NONE}).expect(201)
    require(not any(name.startswith("odata.") for name in answer.json), answer)
    require(answer.etag and "Timestamp" in answer.json, answer)


@test("entities: insert what is there")
def _(s):
    table = s.table()
    etag = s.insert(table, entity(a=1)).expect(201).etag
    s.insert(table, entity(a=2)).refused(409, "EntityAlreadyExists")
    expect(s.get(table).etag, etag, "ETag")
    expect(stored(s, table), {"a": 1})


@tests("entities: insert without {}", {
    "PartitionKey": {"RowKey": "r"}, "RowKey": {"PartitionKey": "p"}, "keys": {"a": 1}})
def _(s, body):
    s.insert(s.table(), body).refused(400, "PropertiesNeedValue")


@tests("entities: insert with {}", {
    "a null for a key": '{"PartitionKey":"p","RowKey":null}',
    "a number for a key": '{"PartitionKey":5,"RowKey":"r"}',
    "malformed JSON": '{"PartitionKey":"p","RowKey":"r"',
    "a list for an entity": '[{"PartitionKey":"p","RowKey":"r"}]',
    "a text for an entity": '"x"', "no body": ""})
def _(s, body):
    table = s.table()
    s.insert(table, body).refused(400)
    expect(s.rows(table), [])


@test("entities: the same property twice")
def _(s):
    s.insert(s.table(), '{"PartitionKey":"p","RowKey":"r","a":1,"a":2}').refused(
        400, "DuplicatePropertiesSpecified")


@test("entities: names of properties that differ in case")
def _(s):
    table = s.table()
    s.insert(table, entity(a=1, A=2)).expect(201)
    expect(stored(s, table), {"a": 1, "A": 2})


@test("entities: a Timestamp that was sent is not kept")
def _(s):
    table = s.table()
    old = "2001-01-01T00:00:00Z"
    sent = entity(a=1) | {"Timestamp@odata.type": "Edm.DateTime", "Timestamp": old}
    for write in (s.insert, s.put, s.merge):
        write(table, sent).expect(201, 204)
        require(not s.get(table).json.get("Timestamp", old).startswith("2001"), "the Timestamp was kept")


@test("entities: a Timestamp of null is not kept either", only="cosmos")
def _(s):
    table = s.table()
    for write in (s.insert, s.put, s.merge):
        write(table, entity(a=1) | {"Timestamp": None}).expect(201, 204)
        require(s.get(table).json.get("Timestamp", "").startswith("20"), "no Timestamp")


@test("entities: the ETag is made of the Timestamp")
def _(s):
    table = s.table()
    s.insert(table, entity()).expect(201)
    answer = s.get(table)
    timestamp = answer.json.get("Timestamp", "")
    fraction = r"(\.\d{1,7})?" if s.mode == "storage" else r"\.\d{7}"
    expect_match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d" + fraction + "Z", timestamp, "Timestamp")
    expect(answer.etag, f"W/\"datetime'{quote(timestamp, safe='')}'\"", "ETag")
    expect(answer.json.get("odata.etag"), answer.etag, "ETag")


@test("entities: each write changes the ETag and advances the Timestamp")
def _(s):
    table = s.table()
    seen = [("", "")]
    for write in (s.insert, s.put, s.merge, s.put, s.merge):
        write(table, entity(a=1)).expect(201, 204)
        answer = s.get(table)
        seen.append((answer.json.get("Timestamp", "").rstrip("Z").ljust(27, "0"), answer.etag))
        require(seen[-1][0] > seen[-2][0] and seen[-1][1] != seen[-2][1], f"{seen[-2:]}")


@test("entities: PUT without If-Match writes")
def _(s):
    table = s.table()
    first = s.put(table, entity(a=1, b=2)).expect(204)
    expect(first.body, b"")
    expect(s.get(table).etag, first.etag, "ETag")
    second = s.put(table, entity(a=3)).expect(204)
    require(second.etag != first.etag, "the same ETag")
    expect(stored(s, table), {"a": 3})


@test("entities: merge without If-Match writes")
def _(s):
    table = s.table()
    first = s.merge(table, entity(a=1, b=2)).expect(204)
    expect(first.body, b"")
    second = s.merge(table, entity(a=3, c=4)).expect(204)
    expect(s.get(table).etag, second.etag, "ETag")
    expect(stored(s, table), {"a": 3, "b": 2, "c": 4})


@test("entities: merge changes the type of a property")
def _(s):
    table = s.table()
    s.put(table, entity(a=1)).expect(204)
    s.merge(table, entity() | {"a@odata.type": "Edm.Int64", "a": "5"}).expect(204)
    expect(stored(s, table), {"a@odata.type": "Edm.Int64", "a": "5"})


@tests("entities: merge by {}", {
    "MERGE": ("MERGE", None), "PATCH": ("PATCH", None), "X-HTTP-Method: MERGE": ("POST", "MERGE"),
    "X-HTTP-Method: PATCH": ("POST", "PATCH")}, only="storage")
def _(s, verb, tunnelled):
    table = s.table()
    s.put(table, entity(a=1, b=2)).expect(204)
    s.send(verb, s.path_of(table, entity()), headers={"X-HTTP-Method": tunnelled}, body=entity(a=3)).expect(204)
    expect(stored(s, table), {"a": 3, "b": 2})


@tests("entities: null is not stored by {}", ["insert", "put", "merge"])
def _(s, write):
    table = s.table()
    getattr(s, write)(table, entity(a=None, b=1)).expect(201, 204)
    expect(stored(s, table), {"b": 1})


@test("entities: null in a merge leaves the property as it is")
def _(s):
    table = s.table()
    s.put(table, entity(a=1, b=2)).expect(204)
    s.merge(table, entity(a=None, b=3)).expect(204)
    expect(stored(s, table), {"a": 1, "b": 3})


@test("entities: null in a PUT removes the property")
def _(s):
    table = s.table()
    s.put(table, entity(a=1, b=2)).expect(204)
    s.put(table, entity(a=None, b=3)).expect(204)
    expect(stored(s, table), {"b": 3})


def writes(s):
    """The requests that may carry If-Match."""
    return {"put": lambda table, etag: s.put(table, entity(a=9), etag),
            "merge": lambda table, etag: s.merge(table, entity(a=9), etag),
            "delete": lambda table, etag: s.delete(table, etag=etag)}


@tests("entities: {} with If-Match", ["put", "merge", "delete"])
def _(s, kind):
    table = s.table()
    write = writes(s)[kind]
    stale = s.put(table, entity(a=1)).expect(204).etag
    etag = s.put(table, entity(a=2, b=3)).expect(204).etag
    write(table, stale).refused(412, "UpdateConditionNotSatisfied")
    expect(s.get(table).etag, etag, "ETag")
    answer = write(table, etag).expect(204)
    expect(answer.body, b"")
    if kind == "delete":
        expect(answer.header("ETag"), None, "ETag")
        s.get(table).refused(404, "ResourceNotFound")
    else:
        expect(s.get(table).etag, answer.etag, "ETag")
        expect(stored(s, table), {"a": 9} if kind == "put" else {"a": 9, "b": 3})
        write(table, etag).refused(412, "UpdateConditionNotSatisfied")


@tests("entities: {} with If-Match: *", ["put", "merge", "delete"])
def _(s, kind):
    table = s.table()
    write = writes(s)[kind]
    write(table, "*").refused(404, "ResourceNotFound")
    s.get(table).refused(404, "ResourceNotFound")
    s.put(table, entity(b=1)).expect(204)
    write(table, "*").expect(204)
    if kind == "delete":
        s.get(table).refused(404, "ResourceNotFound")
    else:
        expect(stored(s, table), {"a": 9} if kind == "put" else {"a": 9, "b": 1})


@tests("entities: {} with the ETag of what is gone", ["put", "merge", "delete"])
def _(s, kind):
    table = s.table()
    etag = s.put(table, entity(a=1)).expect(204).etag
    s.delete(table).expect(204)
    writes(s)[kind](table, etag).refused(404, "ResourceNotFound")


@tests("entities: {} with an ETag that is no time", ["put", "merge", "delete"])
def _(s, kind):
    table = s.table()
    etag = s.put(table, entity(a=1)).expect(204).etag
    writes(s)[kind](table, 'W/"wrong"').refused(412, "UpdateConditionNotSatisfied")
    expect(s.get(table).etag, etag, "ETag")


@tests("entities: {} with an ETag that is not weak", ["put", "merge", "delete"])
def _(s, kind):
    table = s.table()
    etag = s.put(table, entity(a=1)).expect(204).etag
    writes(s)[kind](table, etag.removeprefix("W/")).refused_somehow()
    expect(s.get(table).etag, etag, "ETag")


@test("entities: delete needs If-Match")
def _(s):
    table = s.table()
    s.put(table, entity(a=1)).expect(204)
    s.delete(table, etag=None).refused(400)
    expect(stored(s, table), {"a": 1})


@test("entities: insert after delete")
def _(s):
    table = s.table()
    s.put(table, entity(a=1)).expect(204)
    s.delete(table).expect(204)
    s.insert(table, entity(b=1)).expect(201)
    expect(stored(s, table), {"b": 1})


@tests("entities: {} of what is not there", {"get": "get", "delete": "delete"})
def _(s, operation):
    getattr(s, operation)(s.table()).refused(404, "ResourceNotFound")


@tests("entities: {} in no table", ["get", "query", "insert", "put", "merge", "delete"])
def _(s, operation):
    arguments = [entity()] if operation in ("insert", "put", "merge") else []
    getattr(s, operation)(s.new_name(), *arguments).refused(404, s.no_table)
