"""Limits of sizes and counts."""

import base64

from .client import entity, expect, typed
from .suite import test, tests

MIB = 1024 * 1024
GUID = "0f8fad5b-d9cb-469f-a165-70867728950e"


def each_write(s, table, sent):
    """The responses to all ways to write an entity, each to an unused key."""
    for write in (s.insert, s.put, s.merge):
        yield write(table, sent)
        s.delete(table, sent["PartitionKey"], sent["RowKey"])


TEXTS = {"ASCII": "a" * 32768, "Latin": "\u00e9" * 32768, "Japanese": "\u65e5" * 32768,
         "emoji": "\U0001f600" * 16384}


@tests("limits: a String of 32768 units, of {}", TEXTS)
def _(s, text):
    table = s.table()
    s.insert(table, entity(a=text)).expect(201)
    expect(s.get(table).own, {"a": text})


@tests("limits: a String of more than 32768 units, of {}", TEXTS, only="storage")
def _(s, text):
    for answer in each_write(s, s.table(), entity(a=text + "b")):
        answer.refused(400, "PropertyValueTooLarge")


@test("limits: a String of more than 32768 units", only="cosmos")
def _(s):
    table = s.table()
    s.insert(table, entity(a="a" * 100_000)).expect(201)
    expect(s.get(table).own, {"a": "a" * 100_000})


def binary(size):
    return typed("a", "Binary", base64.b64encode(bytes(i % 251 for i in range(size))).decode())


@test("limits: a Binary of 65536 bytes")
def _(s):
    table = s.table()
    s.insert(table, entity() | binary(65536)).expect(201)
    expect(s.get(table).own, binary(65536))


@test("limits: a Binary of 65537 bytes", only="storage")
def _(s):
    for answer in each_write(s, s.table(), entity() | binary(65537)):
        answer.refused(400, "PropertyValueTooLarge")


def of_size(size, partition="p", row="r", character="a", **properties):
    """An entity of that size, as the service counts it, besides the properties that it does not count."""
    size -= 4 + 2 * len(partition + row)
    result = entity(row, partition, **properties)
    units = 1 if character < "\U00010000" else 2
    for i in range(100):
        name = f"t{i:02}"
        length = min((size - 8 - 2 * len(name) - 4) // 2, 32768)
        result[name] = character * (length // units) + "b" * (length % units)
        size -= 8 + 2 * len(name) + 2 * length + 4
        if size < 32:
            return result
    raise ValueError(size)


@tests("limits: an entity of {}", {
    "1 MiB": ("a", MIB), "1 MiB of Japanese": ("\u65e5", MIB), "1 MiB of emoji": ("\U0001f600", MIB)},
    only="storage")
def _(s, character, size):
    for answer in each_write(s, s.table(), of_size(size, character=character)):
        answer.expect(201, 204)


@tests("limits: an entity of more than 1 MiB, {}", {
    "ASCII": "a", "Japanese": "\u65e5", "emoji": "\U0001f600"}, only="storage")
def _(s, character):
    for answer in each_write(s, s.table(), of_size(MIB + 2, character=character)):
        answer.refused(400, "EntityTooLarge")


@test("limits: the keys are a part of the entity", only="storage")
def _(s):
    table = s.table()
    long = {"partition": "p" * 300, "row": "r" * 500}
    s.insert(table, of_size(MIB, **long)).expect(201)
    s.put(table, of_size(MIB + 2, **long)).refused(400, "EntityTooLarge")


SIZES = {"Int32": (5, 4), "Int64": ("5", 8), "Double": (0.5, 8), "Boolean": (True, 1), "Guid": (GUID, 16),
         "DateTime": ("2020-01-01T00:00:00Z", 8), "Binary": ("AAH/", 3 + 4), "String": ("abc", 2 * 3 + 4)}


@tests("limits: what a property counts, {}", SIZES.keys(), only="storage")
def _(s, edm):
    table = s.table()
    value, size = SIZES[edm]
    properties, beside = {}, 0
    for i in range(50):
        properties |= typed(f"p{i:02}", edm, value)
        beside += 8 + 2 * 3 + size
    beside += beside % 2
    s.insert(table, of_size(MIB - beside, **properties)).expect(201)
    s.put(table, of_size(MIB - beside + 2, **properties)).refused(400, "EntityTooLarge")


@test("limits: an entity that a merge enlarges beyond the limit", only="storage")
def _(s):
    table = s.table()
    s.insert(table, of_size(MIB * 6 // 10)).expect(201)
    more = {f"x{name}" if name.startswith("t") else name: value
            for name, value in of_size(MIB * 6 // 10).items()}
    etag = s.get(table).etag
    s.merge(table, more).refused(400, "EntityTooLarge")
    expect(s.get(table).etag, etag, "ETag")


@test("limits: an entity that a merge does not enlarge", only="storage")
def _(s):
    table = s.table()
    full = of_size(MIB)
    s.insert(table, full).expect(201)
    s.merge(table, entity(t00="a" * 32768)).expect(204)


def numbered(count, first=0):
    return {f"n{n:03}": n for n in range(first, first + count)}


@test("limits: 252 properties")
def _(s):
    table = s.table()
    for answer in each_write(s, table, entity(**numbered(252))):
        answer.expect(201, 204)
    s.insert(table, entity(**numbered(252))).expect(201)
    expect(s.get(table).own, numbered(252))


@test("limits: 253 properties", only="storage")
def _(s):
    for answer in each_write(s, s.table(), entity(**numbered(253))):
        answer.refused(400, "TooManyProperties")
        expect(answer.error[1].partition("\n")[0], "The entity contains more properties than allowed. Each entity can "
               "include up to 252 properties to store data. Each entity also has 3 system properties.", "message")


@test("limits: more properties, and longer names", only="cosmos")
def _(s):
    table = s.table()
    many = numbered(300) | {"n" * 1000: 1}
    for answer in each_write(s, table, entity(**many)):
        answer.expect(201, 204)
    s.put(table, entity(**many)).expect(204)
    expect(s.get(table).own, many)


@test("limits: 252 properties, with annotations and nulls")
def _(s):
    sent = entity(**numbered(250), null=None)
    for name in ("a", "b"):
        sent |= typed(name, "Int64", "5")
    s.insert(s.table(), sent).expect(201)


@test("limits: properties that a merge adds", only="storage")
def _(s):
    table = s.table()
    s.insert(table, entity(**numbered(200))).expect(201)
    s.merge(table, entity(**numbered(60, first=192))).expect(204)
    expect(s.get(table).own, numbered(252))
    s.merge(table, entity(n252=1)).refused(400, "TooManyProperties")
    s.merge(table, entity(n251=1)).expect(204)
    expect(s.get(table).own, numbered(251) | {"n251": 1})


@tests("limits: a property named {}", ["a", "_", "_a", "A1_b2", "\u00e9t\u00e9", "\u540d\u524d", "a" * 255],
       only="storage")
def _(s, name):
    table = s.table()
    for answer in each_write(s, table, entity(**{name: 1})):
        answer.expect(201, 204)
    s.insert(table, entity(**{name: 1})).expect(201)
    expect(s.get(table).own, {name: 1})
    expect(len(s.query(table, f"{name} eq 1").values), 1, "found")


@tests("limits: no property is named {}", [
    "a-b", "1a", "a b", "a.b", "a'b", "a+b", "a/b", "a,b", "a(b)", "$a"], only="storage")
def _(s, name):
    for answer in each_write(s, s.table(), entity(**{name: 1})):
        answer.refused(400, "PropertyNameInvalid")


@test("limits: no property is without a name", only="storage")
def _(s):
    s.insert(s.table(), entity(**{"": 1})).refused(400)


@test("limits: a property's name of 256 characters", only="storage")
def _(s):
    for answer in each_write(s, s.table(), entity(**{"a" * 256: 1})):
        answer.refused(400, "PropertyNameTooLong")


@tests("limits: a request of more than 4 MiB, {}", ["insert", "put", "merge"], only="storage")
def _(s, write):
    table = s.table()
    too_large = entity(**{f"t{i:02}": "a" * 32768 for i in range(130)})
    getattr(s, write)(table, too_large).refused(413, "RequestBodyTooLarge")
    expect(s.rows(table), [])


# By either way of counting: these are more than 1 MiB in UTF-16, and the next more than 2 MiB in UTF-8.
@test("limits: an entity of more than 1 MiB of Cosmos", only="cosmos")
def _(s):
    table = s.table()
    sent = {f"t{i:02}": "a" * 30000 for i in range(20)}
    s.insert(table, entity(**sent)).expect(201)
    expect(s.get(table).own, sent)


@test("limits: an entity of more than 2 MiB of Cosmos", only="cosmos")
def _(s):
    table = s.table()
    s.insert(table, entity(**{f"t{i:02}": "a" * 30000 for i in range(75)})).expect(400, 413)
    expect(s.rows(table), [])
