"""Creating, listing and deleting tables."""

from .client import FULL, MINIMAL, NONE, escaped, expect, expect_match, require
from .suite import test, tests


@test("tables: create")
def _(s):
    name = s.new_name()
    answer = s.create(name).expect(201)
    expect(answer.json.get("TableName"), name)
    expect_match(r".*/\$metadata#Tables/@Element", answer.json.get("odata.metadata"))


@test("tables: create, no metadata")
def _(s):
    name = s.new_name()
    expect(s.create(name, {"Accept": NONE}).expect(201).json, {"TableName": name})


@test("tables: create with Prefer: return-no-content")
def _(s):
    name = s.new_name()
    answer = s.create(name, {"Prefer": "return-no-content"}).expect(204)
    expect(answer.header("Preference-Applied"), "return-no-content")
    expect(answer.body, b"")
    expect(s.rows(name), [])


@test("tables: create with Prefer: return-content")
def _(s):
    answer = s.create(s.new_name(), {"Prefer": "return-content"}).expect(201)
    expect(answer.header("Preference-Applied"), "return-content")


@test("tables: create what is there")
def _(s):
    name = s.table()
    s.create(name).refused(409, "TableAlreadyExists")


@test("tables: create what is there in another case", only="storage")
def _(s):
    name = s.table()
    s.create(name.upper()).refused(409, "TableAlreadyExists")


@test("tables: the case of a name is kept")
def _(s):
    name = s.new_name("MixedCase")
    s.create(name).expect(201)
    expect(listed(s, f"TableName eq '{name}'"), [name])


@test("tables: a table has one name in any case", only="storage")
def _(s):
    name = s.new_name("MixedCase")
    s.create(name).expect(201)
    s.insert(name.lower(), {"PartitionKey": "p", "RowKey": "r"}).expect(201)
    expect(s.rows(name.upper()), ["r"])
    s.delete_table(name.upper()).expect(204)
    s.get(name).refused(404, s.no_table)


@tests("tables: the name {} is taken", {
    "of 3 letters": "3", "of 63 letters": "63", "with digits": "digits"}, only="storage")
def _(s, kind):
    unique = s.new_name()
    name = {"3": unique[-3:].translate(str.maketrans("0123456789", "ghijklmnop")),
            "63": (unique * 4)[:63], "digits": f"a0123{unique}"}[kind]
    s.made.append(name)
    s.create(name).expect(201)
    expect(listed(s, f"TableName eq '{name}'"), [name])


@tests("tables: the name {} is refused", {
    "of 2 letters": "ab", "of 64 letters": "a" * 64, "that is empty": "", "that starts with a digit": "1abc",
    "with a hyphen": "a-bc", "with an underscore": "a_bc", "with a dot": "ab.c", "with a space": "ab c",
    "with a letter beyond ASCII": "ab\u00e9", "with a slash": "ab/c"}, only="storage")
def _(s, name):
    s.create(name).refused(400)


@test("tables: the code of a name that is refused", only="storage")
def _(s):
    s.create("a-bc").refused(400, "InvalidResourceName")


@tests("tables: the name {} is reserved", ["tables", "Tables"], only="storage")
def _(s, name):
    s.create(name).refused(400)


@tests("tables: {} is no table to create", {
    "a null name": '{"TableName":null}', "a number for a name": '{"TableName":5}', "no name": "{}",
    "malformed JSON": '{"TableName":', "no body": ""})
def _(s, body):
    s.send("POST", "/Tables", body=body).refused(400)


@test("tables: delete")
def _(s):
    name = s.table()
    s.insert(name, {"PartitionKey": "p", "RowKey": "r"}).expect(201)
    answer = s.delete_table(name).expect(204)
    expect(answer.body, b"")
    expect(listed(s, f"TableName eq '{name}'"), [])
    s.get(name).refused(404, s.no_table)


@test("tables: delete what is not there")
def _(s):
    s.delete_table(s.new_name()).refused(404, "ResourceNotFound")


def three_tables(s):
    prefix = s.new_name()
    s.made = [f"{prefix}{letter}" for letter in "abc"]
    for name in s.made:
        s.create(name).expect(201)
    return prefix, list(s.made)


def list_tables(s, filter=None, top=None, more=(), headers=None):
    return s.send("GET", "/Tables", {"$filter": filter, "$top": top} | dict(more), headers)


def listed(s, filter=None):
    """Page by page, to the last."""
    names, more = [], []
    while True:
        answer = list_tables(s, filter, more=more)
        names += [table.get("TableName") for table in answer.values]
        if not answer.continuation:
            return names
        require(answer.continuation != more, f"{answer} again")
        more = answer.continuation


def in_order(s, names):
    """As they came, where the service sorts them."""
    return names if s.mode == "storage" else sorted(names)


@test("tables: list all")
def _(s):
    _, names = s.once(three_tables)
    found = listed(s)
    expect(in_order(s, [name for name in found if name in names]), names)
    expect(len(found), len(set(found)), "names")


@tests("tables: list with the filter TableName {}", {
    "eq": ("TableName eq '{0}b'", "b"), "ne": ("TableName ne '{0}b' and TableName ge '{0}' and "
                                               "TableName lt '{0}z'", "ac"),
    "ge": ("TableName ge '{0}b' and TableName lt '{0}z'", "bc"),
    "gt": ("TableName gt '{0}b' and TableName lt '{0}z'", "c"),
    "le": ("TableName le '{0}b' and TableName gt '{0}'", "ab"),
    "or": ("TableName eq '{0}a' or TableName eq '{0}c'", "ac"),
    "of none": ("TableName eq '{0}'", "")})
def _(s, filter, letters):
    prefix, _ = s.once(three_tables)
    expect(in_order(s, listed(s, filter.format(prefix))), [prefix + letter for letter in letters])


@tests("tables: list with the filter {}, which is none", [
    "TableName eq", "TableName eq 'a' and", "startswith(TableName,'a')", "(TableName eq 'a'"])
def _(s, filter):
    list_tables(s, filter).refused(400, "InvalidInput")


@test("tables: list page by page")
def _(s):
    prefix, names = s.once(three_tables)
    filter = f"TableName ge '{prefix}' and TableName lt '{prefix}z'"
    found, more = [], []
    for _ in range(10):
        answer = list_tables(s, filter, top=1, more=more)
        require(len(answer.values) <= 1, f"{answer}: more than $top")
        found += [table.get("TableName") for table in answer.values]
        more = answer.continuation
        if not more:
            break
        expect([name for name, _ in more], ["NextTableName"])
        if s.mode == "storage":
            expect_token(more[0][1])
        else:  # clients have to escape it
            require(escaped(more[0][1]) != more[0][1] and "!" not in more[0][1], f"{answer}: {more}")
    expect(in_order(s, found), names)
    expect(more, [])


def expect_token(token):
    """`1!length!base64`, with - for =."""
    expect_match(r"1!\d+![A-Za-z0-9+/_-]*", token, "token")
    expect(len(token.split("!", 2)[2]), int(token.split("!")[1]), "length of the token")


@tests("tables: list with metadata {}", {"minimal": MINIMAL, "full": FULL, "none": NONE})
def _(s, accept):
    prefix, names = s.once(three_tables)
    answer = list_tables(s, f"TableName eq '{prefix}a'", headers={"Accept": accept})
    expect([table.get("TableName") for table in answer.values], [f"{prefix}a"])
    if accept == NONE:
        expect(answer.json, {"value": [{"TableName": f"{prefix}a"}]})
    else:
        expect_match(r".*/\$metadata#Tables", answer.json.get("odata.metadata"))
