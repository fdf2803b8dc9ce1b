"""$filter and $select."""

from .client import MINIMAL, NONE, entity, expect, expect_match, require, typed
from .suite import test, tests

GUID_A, GUID_B = "0f8fad5b-d9cb-469f-a165-70867728950e", "1f8fad5b-d9cb-469f-a165-70867728950e"


def sample(s):
    table = s.table()
    for e in (
            entity("a", I=1, D=1.5, B=True, S="apple") | typed("L", "Int64", "10") | typed("X", "Binary", "AQI=") |
            typed("G", "Guid", GUID_A) | typed("T", "DateTime", "2020-01-01T00:00:00.1234567Z"),
            entity("b", I=2, D=-2.25, B=False, S="it's") | typed("L", "Int64", "9007199254740993") |
            typed("X", "Binary", "AQ==") | typed("G", "Guid", GUID_B) |
            typed("T", "DateTime", "2020-01-01T00:00:00.1234568Z"),
            entity("c", I=-3, D=1e300, B=True, S="\u00e9 \U0001f600") | typed("L", "Int64", "-9223372036854775808") |
            typed("T", "DateTime", "1999-12-31T23:59:59Z"),
            entity("d", "q", Only=1), entity("e", "q", i=1)):
        s.insert(table, e, {"Prefer": "return-no-content"}).expect(204)
    return table


MATCHES = {
    "S eq 'apple'": "a", "S ne 'apple'": "bc", "S gt 'apple'": "bc", "S ge 'apple'": "abc", "S lt 'b'": "a",
    "S le 'apple'": "a", "S eq 'it''s'": "b", "S eq '\u00e9 \U0001f600'": "c", "S eq ''": "", "S eq 'Apple'": "",
    "S ge 'a' and S lt 'b'": "a",
    "I eq 1": "a", "I ne 1": "bc", "I gt 1": "b", "I ge 1": "ab", "I lt 1": "c", "I le 1": "ac", "I eq -3": "c",
    "I lt 0": "c", "I eq 1L": "a",
    "L eq 10L": "a", "L ne 10L": "bc", "L gt 9007199254740992L": "b", "L ge 9007199254740993L": "b",
    "L lt 9007199254740993L": "ac", "L le -9223372036854775808L": "c", "L eq 9007199254740993L": "b",
    "D eq 1.5": "a", "D ne 1.5": "bc", "D gt 1.25": "ac", "D ge 1.5": "ac", "D lt 0.0": "b", "D le -2.25": "b",
    "B eq true": "ac", "B eq false": "b", "B ne true": "b", "B ne false": "ac",
    "T eq datetime'2020-01-01T00:00:00.1234567Z'": "a", "T ne datetime'2020-01-01T00:00:00.1234567Z'": "bc",
    "T gt datetime'2020-01-01T00:00:00.1234567Z'": "b", "T ge datetime'2020-01-01T00:00:00.1234567Z'": "ab",
    "T lt datetime'2020-01-01T00:00:00.1234568Z'": "ac", "T le datetime'1999-12-31T23:59:59Z'": "c",
    "T gt datetime'2000-01-01T00:00:00Z'": "ab",
    f"G eq guid'{GUID_A}'": "a", f"G eq guid'{GUID_A.upper()}'": "a", f"G ne guid'{GUID_A}'": "b",
    "X eq X'0102'": "a", "X eq binary'0102'": "a", "X ne X'0102'": "b", "X eq X'01'": "b",
    "I eq 1 and D eq 1.5": "a", "I eq 1 and D eq 2.5": "", "I eq 1 or I eq 2": "ab",
    "I eq 1 or I eq 2 and S eq 'none'": "a", "(I eq 1 or I eq 2) and S eq 'none'": "",
    "I eq 2 and S eq 'none' or I eq 1": "a", "not (I eq 1) and I ge -3": "bc",
    "not (I eq 1 or I eq 2) and I ge -3": "c", "not (not (I eq 1))": "a", "((I eq 1))": "a",
    "( I eq 1 ) or( I eq 2 )": "ab", "I eq 1 or I eq 2 or I eq -3": "abc",
    "(I eq 1 and (S eq 'apple' or (S eq 'x' and B eq true)))": "a",
    "PartitionKey eq 'p'": "abc", "PartitionKey eq 'q'": "de", "PartitionKey gt 'p'": "de",
    "PartitionKey ne 'p'": "de",
    "PartitionKey eq 'p' and RowKey eq 'b'": "b", "PartitionKey eq 'q' and RowKey eq 'b'": "",
    "RowKey ge 'b' and RowKey lt 'd'": "bc", "RowKey gt 'b' and PartitionKey eq 'p'": "c",
    "PartitionKey eq 'p' or RowKey eq 'd'": "abcd", "not (PartitionKey eq 'p')": "de",
    "PartitionKey eq 'p' and PartitionKey eq 'q'": "", "PartitionKey ge 'p' and PartitionKey le 'q'": "abcde",
    "Timestamp ge datetime'2020-01-01T00:00:00Z'": "abcde", "Timestamp lt datetime'2020-01-01T00:00:00Z'": "",
    "Only eq 1": "d", "i eq 1": "e", "None eq 1": "", "None ne 1": "", "None gt 1": "", "None lt 1": "",
    "Only ne 2": "d", "None eq 1 or I eq 1": "a", "I eq 1 and None eq 1": "",
}


def rows_of(s, table, filter):
    return "".join(sorted(e.get("RowKey", "?") for e in s.query(table, filter).values))


@tests("queries: {}", {filter: (filter, rows) for filter, rows in MATCHES.items()})
def _(s, filter, rows):
    expect(rows_of(s, s.once(sample), filter), rows)


@test("queries: quotes, brackets and operators within a text")
def _(s):
    table = s.table()
    text = "') or (S ne 'x and not"
    s.insert(table, entity("a", S=text)).expect(201)
    s.insert(table, entity("b", S="x")).expect(201)
    quoted = text.replace("'", "''")
    expect(rows_of(s, table, f"S eq '{quoted}'"), "a")
    expect(rows_of(s, table, f"(S eq '{quoted}') or (S eq 'y')"), "a")


@test("queries: a plus is a space in the URL")
def _(s):
    table = s.once(sample)
    answer = s.send("GET", f"/{table}()", authorize=raw_query(s, "$filter=I+eq+1"))
    expect([e.get("RowKey") for e in answer.values], ["a"])


def raw_query(s, text):
    def authorize(request):
        request.query = text
        s.authorize(request)

    return authorize


@test("queries: no match")
def _(s):
    answer = s.query(s.once(sample), "I eq 77")
    expect(answer.values, [])
    expect(answer.continuation, [])


@test("queries: an empty table")
def _(s):
    answer = s.query(s.table())
    expect(answer.values, [])
    expect(answer.continuation, [])


@tests("queries: {} is no filter", [
    "I eq", "eq 1", "I eq 1 and", "and I eq 1", "(I eq 1", "I eq 1)", "I == 1", "I = 1", "I eq 1 2",
    "I eq 1 or or I eq 2", "not", "()", "S eq 'apple", "startswith(S,'a')", "substringof('a',S)", "I add 1 eq 2",
    "T eq datetime'garbage'", "G eq guid'garbage'", "X eq X'0'", "X eq X'0g'", "I eq 1;", "1 2 3",
    "I in (1,2)", "L eq 9223372036854775808L"])
def _(s, filter):
    s.query(s.once(sample), filter).refused(400, "InvalidInput")


def comparisons(count):
    return " or ".join(f"I eq {n}" for n in range(1, count + 1))


@tests("queries: {} comparisons", [15, 16, 300])  # whatever the documentation says of 15
def _(s, count):
    expect(rows_of(s, s.once(sample), comparisons(count)), "ab")


@test("queries: 200 rows by their keys")
def _(s):
    rows = " or ".join(f"RowKey eq '{n}'" for n in (*range(198), "a", "c"))
    expect(rows_of(s, s.once(sample), f"PartitionKey eq 'p' and ({rows})"), "ac")


# Numbers and times are below any text in Table Storage; in Cosmos DB they cannot be compared.
MIXED = {f"{name} {operator} {text}": "abc" if operator in ("ne", "lt", "le") else ""
         for name in "ILDT" for operator in ("eq", "ne", "lt", "le", "gt", "ge") for text in ("''", "'5'")}


@tests("queries: a number or a time and a text: {}", {filter: (filter, rows) for filter, rows in MIXED.items()})
def _(s, filter, rows):
    expect(rows_of(s, s.once(sample), filter), rows if s.mode == "storage" else "")


@test("queries: what is not there is not below a text")
def _(s):
    expect(rows_of(s, s.once(sample), "None ne '' or None lt ''"), "")


@test("queries: why a filter is refused")
def _(s):
    table = s.once(sample)
    message = s.query(table, "aaa bbb ccc").refused(400).error[1]
    expect_match("Syntax error at position 7 in 'aaa bbb ccc'\\.\n.*" if s.mode == "storage"
                 else "Request url is invalid\\.\r\n.*", message, "message")
    expect(s.query(table, "I eq null").refused(400).error[0], "InvalidInput", "code")


def selected(e):
    return {name: value for name, value in e.items() if name not in ("odata.etag", "odata.metadata")}


SELECTIONS = {
    "one": ("I", {"I": 1}), "two": ("S,I", {"I": 1, "S": "apple"}), "keys": ("PartitionKey,RowKey", entity("a")),
    "a key": ("RowKey", {"RowKey": "a"}), "one with an annotation": ("L,I", typed("L", "Int64", "10") | {"I": 1}),
    "the same twice": ("I,I", {"I": 1})}


@tests("queries: select {}", SELECTIONS)
def _(s, names, expected):
    found = s.query(s.once(sample), "RowKey eq 'a'", select=names).values
    expect([selected(e) for e in found], [expected])


@tests("queries: select {}, of one entity", SELECTIONS)
def _(s, names, expected):
    expect(selected(s.get(s.once(sample), "p", "a", select=names).expect(200).json), expected)


@tests("queries: select what no property can be, {}", {
    "an annotation": "odata.etag,I", "an empty name": "I,,", "spaces in a name": "a b,I",
    "a digit first": "1a,I"}, only="storage")  # null stands for names of properties only, or no JSON would result
def _(s, names):
    found = s.query(s.once(sample), "RowKey eq 'a'", select=names).expect(200).values
    expect([selected(e) for e in found], [{"I": 1}])


@test("queries: selected, but not there")
def _(s):
    table, names = s.once(sample), "S,none,I,Zero"
    expected = {"I": 1, "S": "apple"} | ({"Zero": None, "none": None} if s.mode == "storage" else {})
    one = s.get(table, "p", "a", select=names)
    listed = s.query(table, "RowKey eq 'a'", select=names)
    for answer, found in ((one, one.expect(200).json), (listed, listed.values[0])):
        if s.mode == "storage":  # sorted
            expect(list(selected(found)), list(expected), "members")
        expect(selected(found), expected)
    for answer, rest in ((one, "/@Element"), (listed, "")):
        url = answer.json["odata.metadata"].partition("$metadata#")[2]
        expect(url, f"{table}{rest}" + (f"&$select={names}" if s.mode == "storage" else ""), "odata.metadata")


@test("queries: selected, but not there, in each row", only="storage")
def _(s):
    rows = s.query(s.once(sample), "PartitionKey eq 'q'", select="Only,i").values
    expect([selected(e) for e in rows], [{"Only": 1, "i": None}, {"Only": None, "i": 1}])


@tests("queries: odata.metadata has $select as it was sent, {}", {
    "empty": ("", ""), "with a space": ("I, S", "I,%20S")}, only="storage")
def _(s, names, written):
    table = s.once(sample)
    url = s.query(table, select=names).expect(200).json["odata.metadata"]
    expect(url, f"{s.url}/$metadata#{table}&$select={written}")


@test("queries: select Timestamp")
def _(s):
    found = s.query(s.once(sample), "RowKey eq 'a'", select="Timestamp").values
    expect([set(selected(e)) - {"Timestamp@odata.type"} for e in found], [{"Timestamp"}])


@tests("queries: selected with metadata {}", {"minimal": MINIMAL, "none": NONE})
def _(s, level):
    found = s.query(s.once(sample), "RowKey eq 'a'", select="L", headers={"Accept": level}).values[0]
    require(("odata.etag" in found) == (level == MINIMAL), found)
    expect(selected(found), {"L": "10"} if level == NONE else typed("L", "Int64", "10"))


@test("queries: what is selected need not be what is compared")
def _(s):
    found = s.query(s.once(sample), "I eq 1 and S eq 'apple'", select="D").values
    expect([selected(e) for e in found], [{"D": 1.5}])
