"""Keys of all kinds, in bodies, URLs and filters."""

from .client import entity, escaped, expect, key
from .suite import test, tests

KEYS = {
    "with a quote": "it's", "of quotes": "''", "with a double quote": 'a"b',
    "with a space": "a b", "with a percent sign": "100%", "that looks escaped": "a%20b", "with a plus": "a+b",
    "with an ampersand": "a&b=c", "with brackets": "(a),[b],{c}", "with a comma and a quote": "a',b",
    "with punctuation": "a;b:c@d!e$f*g~h|i^j`k<l>", "of a dot": ".", "of two dots": "..", "of Latin": "\u00e9\u00df",
    "of Japanese": "\u65e5\u672c", "of an emoji": "\U0001f600", "with a line separator": "a\u2028b",
    "like a URL": "http:..a=b&c", "like a key": "(PartitionKey='p',RowKey='r')",
}


def check_key(s, text):
    table = s.table()
    s.insert(table, entity(text, text, a=1)).expect(201)
    s.insert(table, entity("other", text)).expect(201)
    s.insert(table, entity(text, "other")).expect(201)
    found = s.get(table, text, text).expect(200).json
    expect((found.get("PartitionKey"), found.get("RowKey"), found.get("a")), (text, text, 1))
    quoted = text.replace("'", "''")
    found = s.query(table, f"PartitionKey eq '{quoted}' and RowKey eq '{quoted}'").values
    expect([(e.get("PartitionKey"), e.get("RowKey")) for e in found], [(text, text)])
    s.put(table, entity(text, text, b=1), "*").expect(204)
    s.merge(table, entity(text, text, c=1), "*").expect(204)
    expect(s.get(table, text, text).own, {"b": 1, "c": 1})
    s.delete(table, text, text).expect(204)
    expect(len(s.query(table).values), 2, "entities")


tests("keys: a key {}", KEYS)(check_key)
tests("keys: a key {}", {"that is empty": ""}, only="storage")(check_key)


@tests("keys: {} is refused", {
    "an empty PartitionKey": entity(partition=""), "an empty RowKey": entity(""), "no RowKey": {"PartitionKey": "p"},
    "no key": {"a": 1}}, only="cosmos")
def _(s, sent):
    table = s.table()
    answer = s.insert(table, sent).refused(400)
    expect(answer.error[0], "PropertiesNeedValue", "code")
    expect(answer.error[1].partition("\r\n")[0], "PartitionKey/RowKey cannot be empty", "message")
    expect(s.query(table).values, [])


@tests("keys: those in the URL count, in a {}", ["PUT", "PATCH", "MERGE"], only="storage")
def _(s, method):
    table = s.table()
    path = s.path_of(table, entity())
    for x in (1, 2):  # one creates the entity, one changes it
        s.send(method, path, body=entity("other", "other", x=x)).expect(204)
        expect([(e["PartitionKey"], e["RowKey"], e["x"]) for e in s.query(table).values], [("p", "r", x)])


# What Cosmos DB does with an empty key in the URL is not known; it may be what it does in an entity.
@tests("keys: {} in the URL is refused", {
    "an empty PartitionKey": entity(partition=""), "an empty RowKey": entity("")}, only="cosmos")
def _(s, sent):
    table = s.table()
    for write in (s.put, s.merge):
        write(table, sent).refused(400)
    expect(s.query(table).values, [])


# Cosmos DB has refused a PATCH whose body has other keys, perhaps for its verb.
@test("keys: those in the body must be those in the URL", only="cosmos")
def _(s):
    table = s.table()
    s.insert(table, entity(x=1)).expect(201)
    for method, headers in (("PUT", {}), ("POST", {"X-HTTP-Method": "MERGE"})):
        for other in (entity("other"), entity(partition="other")):
            s.send(method, s.path_of(table, entity()), headers=headers, body=other | {"x": 2}).refused(400)
    expect([(e["RowKey"], e["x"]) for e in s.query(table).values], [("r", 1)])


@tests("keys: in the URL with {}", {
    "quotes as they are": "(PartitionKey='it''s',RowKey='%28a,b%29')",
    "all of it escaped": "%28PartitionKey%3D%27it%27%27s%27%2CRowKey%3D%27%28a%2Cb%29%27%29",
    "lower case in escapes": "(PartitionKey='it%27%27s',RowKey='%28a%2cb%29')",
    "brackets and commas as they are": "(PartitionKey='it%27%27s',RowKey='(a,b)')"})
def _(s, keys):
    table = s.table()
    s.insert(table, entity("(a,b)", "it's", a=1)).expect(201)
    expect(s.send("GET", f"/{table}{keys}").own, {"a": 1})


@test("keys: the case of keys matters")
def _(s):
    table = s.table()
    for row in "aA":
        s.insert(table, entity(row, row)).expect(201)
    s.get(table, "A", "a").refused(404, "ResourceNotFound")
    expect(s.rows(table), ["A", "a"])


@test("keys: the border between the two matters")
def _(s):
    table = s.table()
    s.insert(table, entity("bc", "a", x=1)).expect(201)
    s.insert(table, entity("c", "ab", x=2)).expect(201)
    expect((s.get(table, "a", "bc").own, s.get(table, "ab", "c").own), ({"x": 1}, {"x": 2}))


REFUSED = {
    "a slash": "/", "a backslash": "\\", "a number sign": "#", "a question mark": "?", "a tab": "\t",
    "a line feed": "\n", "a NUL": "\0", "U+001F": "\x1f", "U+007F": "\x7f", "U+009F": "\x9f"}


@tests("keys: {} is refused", REFUSED)
def _(s, character):
    table = s.table()
    s.insert(table, entity("r", f"a{character}b")).refused(400)
    s.insert(table, entity(f"a{character}b", "p")).refused(400)
    expect(s.rows(table), [])


@tests("keys: {} in a URL is refused", REFUSED)
def _(s, character):
    table = s.table()
    for partition, row in (("p", f"a{character}b"), (f"a{character}b", "r")):
        s.send("PUT", f"/{table}{key(partition, row)}", body=entity(row, partition)).refused(400)
    expect(s.rows(table), [])


@tests("keys: of the greatest length, in {}", {
    "ASCII": "a" * 512, "Japanese": "\u65e5" * 512, "emoji": "\U0001f600" * 256}, only="storage")
def _(s, text):
    table = s.table()
    s.insert(table, entity(text, text)).expect(201)
    s.get(table, text, text).expect(200)


@tests("keys: longer than that, in {}", {
    "ASCII": "a" * 513, "Japanese": "\u65e5" * 513, "emoji": "\U0001f600" * 257}, only="storage")
def _(s, text):
    table = s.table()
    s.insert(table, entity("r", text)).refused(400)
    s.insert(table, entity(text)).refused(400)
    s.put(table, entity(text)).refused(400)
    expect(s.rows(table), [])


@test("keys: entities are in the order of their keys", only="storage")
def _(s):
    table = s.table()
    # In the order of UTF-16 code units: the emoji sorts before the last one.
    ordered = ["", "A", "B", "Z", "a", "a ", "aa", "b", "\u00e9", "\u65e5", "\U0001f600", "\uff00"]
    pairs = [(p, r) for p in ("P", "p", "p\u00e9") for r in ordered]
    for partition, row in reversed(pairs):
        s.insert(table, entity(row, partition), {"Prefer": "return-no-content"}).expect(204)
    expect([(e["PartitionKey"], e["RowKey"]) for e in s.query(table).values], pairs)
    for i in (4, 8, 10):
        filter = f"PartitionKey eq 'p' and RowKey ge '{ordered[i]}'"
        expect([e["RowKey"] for e in s.query(table, filter).values], ordered[i:])
        filter = f"PartitionKey eq 'p' and RowKey lt '{ordered[i]}'"
        expect([e["RowKey"] for e in s.query(table, filter).values], ordered[:i])


@tests("keys: a query of {}", {"T": "", "T()": "()", "T(), escaped": escaped("()")})
def _(s, brackets):
    table = s.table()
    s.insert(table, entity()).expect(201)
    expect(len(s.send("GET", f"/{table}{brackets}").values), 1, "entities")
