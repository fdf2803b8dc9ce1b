"""What a response says about entities besides their properties."""

from .client import FULL, MINIMAL, NONE, entity, expect, expect_match, key, require, typed, json_type
from .suite import test, tests

PARTITION, ROW = "\u65e5", "a b"


def table_of_one(s):
    table = s.table()
    s.insert(table, entity(ROW, PARTITION, a=1) | typed("l", "Int64", "5")).expect(201)
    return table


def expect_members(found, level, s, table):
    """The metadata of an entity, alone or in a list."""
    etag = found.get("odata.etag")
    if level == NONE:
        require(not any("odata." in name for name in found), found)
    else:
        expect_match(r"W/\"datetime'[^']+'\"", etag, "odata.etag")
        expect(found.get("l@odata.type"), "Edm.Int64")
    for name in ("odata.type", "odata.id", "odata.editLink"):
        expect(name in found, level == FULL, f"{name} is there:")
    if level == FULL:
        path = key(PARTITION, ROW)
        expect(found["odata.type"], f"{s.account}.{table}")
        require(s.is_at(found["odata.id"], f"/{table}{path}"), f"odata.id {found['odata.id']}")
        require(s.is_at(f"{s.url}/{found['odata.editLink']}", f"/{table}{path}"),
                f"odata.editLink {found['odata.editLink']}")
        expect(found.get("Timestamp@odata.type"), "Edm.DateTime")
    require({"PartitionKey", "RowKey", "Timestamp", "a", "l"} <= set(found), found)


def element_url(s, table):
    return f"{s.url}/{'' if s.mode == 'storage' else f'{table}/'}$metadata#{table}/@Element"


LEVELS = {"minimal": MINIMAL, "full": FULL, "none": NONE}


@tests("metadata: {}, of an entity", LEVELS)
def _(s, level):
    table = s.once(table_of_one)
    answer = s.get(table, PARTITION, ROW, headers={"Accept": level})
    found = answer.expect(200).json
    expect_members(found, level, s, table)
    if level != NONE:
        expect(found.get("odata.metadata"), element_url(s, table))
        expect(found.get("odata.etag"), answer.etag)
    require(answer.etag, answer)


@tests("metadata: {}, of a list of entities", LEVELS)
def _(s, level):
    table = s.once(table_of_one)
    answer = s.query(table, headers={"Accept": level})
    expect(len(answer.values), 1, "entities")
    expect_members(answer.values[0], level, s, table)
    require("odata.metadata" not in answer.values[0], answer)
    require(("odata.metadata" in answer.json) == (level != NONE), answer)


@test("metadata: the URL of a list")
def _(s):
    table = s.once(table_of_one)
    expect(s.query(table).expect(200).json.get("odata.metadata"), f"{s.url}/$metadata#{table}")


@tests("metadata: {}, of an entity just inserted", LEVELS)
def _(s, level):
    table = s.table()
    answer = s.insert(table, entity(ROW, PARTITION, a=1) | typed("l", "Int64", "5"), {"Accept": level})
    expect_members(answer.expect(201).json, level, s, table)
    if level != NONE:
        expect(answer.json.get("odata.metadata"), element_url(s, table))


@tests("metadata: {} in the content type", LEVELS)
def _(s, level):
    table = s.once(table_of_one)
    for answer in (s.get(table, PARTITION, ROW, headers={"Accept": level}),
                   s.query(table, headers={"Accept": level})):
        expect((answer.header("Content-Type") or "").replace(" ", ""), json_type(s, level), "Content-Type")


@test("metadata: minimal unless said")
def _(s):
    table = s.once(table_of_one)
    found = s.get(table, PARTITION, ROW, headers={"Accept": "application/json"}).expect(200).json
    expect_members(found, MINIMAL, s, table)


@tests("metadata: $format of {} is as Accept", LEVELS)
def _(s, level):
    table = s.once(table_of_one)
    for accept in LEVELS.values():
        answer = s.query(table, more={"$format": level}, headers={"Accept": accept})
        expect_members(answer.values[0], level, s, table)


@test("metadata: $format needs no Accept")
def _(s):
    table = s.once(table_of_one)
    answer = s.query(table, more={"$format": NONE}, headers={"Accept": None})
    expect_members(answer.values[0], NONE, s, table)


@tests("metadata: {} needs an Accept", ["query", "get", "insert", "list of tables", "create"], only="storage")
def _(s, operation):
    table = s.table()
    headers = {"Accept": None}
    answer = {"query": lambda: s.query(table, headers=headers),
              "get": lambda: s.get(table, headers=headers),
              "insert": lambda: s.insert(table, entity(), headers),
              "list of tables": lambda: s.send("GET", "/Tables", headers=headers),
              "create": lambda: s.create(s.new_name(), headers)}[operation]()
    answer.refused(415, "AtomFormatNotSupported")


@test("metadata: Atom is refused")
def _(s):
    answer = s.query(s.once(table_of_one), headers={"Accept": "application/atom+xml"})
    if s.mode == "storage":
        answer.refused(415, "AtomFormatNotSupported")
    else:
        answer.refused_somehow()


@test("metadata: quotes in URLs are doubled")
def _(s):
    table = s.table()
    s.insert(table, entity("a'b", "it's")).expect(201)
    found = s.get(table, "it's", "a'b", headers={"Accept": FULL}).expect(200).json
    keys = key("it's", "a'b")
    for url in (found.get("odata.id"), f"{s.url}/{found.get('odata.editLink')}"):
        require(s.is_at(url, f"/{table}{keys}"), url)


@test("metadata: writes need no Accept")
def _(s):
    table = s.table()
    path = s.path_of(table, entity())
    s.send("PUT", path, headers={"Accept": None}, body=entity()).expect(204)
    s.send("DELETE", path, headers={"Accept": None, "If-Match": "*"}).expect(204)
