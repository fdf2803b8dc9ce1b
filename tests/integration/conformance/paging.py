"""Answers in pages."""

from .batches import insert, send_batch
from .client import entity, expect, require, strict_json
from .suite import test, tests
from .tables import expect_token

COUNTS = {"a": 700, "b": 500}


def large(s):
    table = s.table()
    for partition, count in COUNTS.items():
        for first in range(0, count, 100):
            send_batch(s, [insert(s, table, entity(f"{n:04}", partition, N=n))
                           for n in range(first, first + 100)]).expect_parts(*[204] * 100)
    return table


ALL = [(p, f"{n:04}") for p, count in COUNTS.items() for n in range(count)]


def pages(s, table, **query):
    """The keys on each page, until there is no further one."""
    found, more = [], []
    while True:
        answer = s.query(table, more=more, **query)
        found.append([(e.get("PartitionKey"), e.get("RowKey")) for e in answer.values])
        if not answer.continuation:
            return found
        require(answer.continuation != more, f"{answer}: the same continuation again")
        require(len(found) < 100, "no end of pages")
        more = answer.continuation


def expect_each_once(s, found, expected):
    keys = [key for page in found for key in page]
    expect(keys if s.mode == "storage" else sorted(keys), expected, "keys")


@test("paging: all, a thousand a page")
def _(s):
    found = pages(s, s.once(large))
    if s.mode == "storage":
        expect([len(page) for page in found], [1000, 200], "lengths of pages")
    expect_each_once(s, found, ALL)


@tests("paging: $top={}", [1000, 999, 400, 100])
def _(s, top):
    found = pages(s, s.once(large), top=top)
    require(max(map(len, found)) <= top, f"pages of {list(map(len, found))}")
    expect(len(found[0]), top, "length of the first page")
    expect_each_once(s, found, ALL)


@test("paging: $top=1")
def _(s):
    expect([len(page) for page in pages(s, s.once(large), top=1, filter="RowKey eq '0007'")][:2], [1, 1])


@test("paging: $top=0")
def _(s):
    for answer in (s.query(s.once(large), top=0), s.send("GET", "/Tables", {"$top": 0})):
        expect((answer.values, answer.continuation), ([], []))


@test("paging: $top of more than there is")
def _(s):
    found = pages(s, s.once(large), top=900, filter="PartitionKey eq 'a'")
    expect_each_once(s, found, [key for key in ALL if key[0] == "a"])


FILTERS = {
    "N lt 250": lambda p, n: n < 250, "PartitionKey eq 'b'": lambda p, n: p == "b",
    "RowKey ge '0450' and RowKey lt '0650'": lambda p, n: 450 <= n < 650,
    "PartitionKey eq 'a' and RowKey gt '0099'": lambda p, n: p == "a" and n > 99,
    "PartitionKey eq 'b' or N ge 690": lambda p, n: p == "b" or n >= 690,
    "N eq 3 or N eq 499": lambda p, n: n in (3, 499), "not (N ge 5)": lambda p, n: n < 5}


@tests("paging: with the filter {}", FILTERS.keys())
def _(s, filter):
    matches = FILTERS[filter]
    expected = [(p, row) for p, row in ALL if matches(p, int(row))]
    for top in (None, 90):
        found = pages(s, s.once(large), filter=filter, top=top)
        require(max(map(len, found)) <= (top or 1000), f"pages of {list(map(len, found))}")
        expect_each_once(s, found, expected)


@test("paging: with a selection")
def _(s):
    answer = s.query(s.once(large), select="N", top=500)
    second = s.query(s.once(large), select="N", top=500, more=answer.continuation)
    for page in (answer, second):
        expect(len(page.values), 500, "entities")
        expect({tuple(sorted(set(e) - {"odata.etag"})) for e in page.values}, {("N",)}, "selected")


@test("paging: the headers of a continuation", only="storage")
def _(s):
    more = s.query(s.once(large), top=10).continuation
    expect([name for name, _ in more], ["NextPartitionKey", "NextRowKey"])
    for _, token in more:
        expect_token(token)


@test("paging: the headers of a continuation of Cosmos", only="cosmos")
def _(s):
    more = dict(s.query(s.once(large), top=10).continuation)
    expect(set(more), {"NextPartitionKey", "NextRowKey"})
    expect(more["NextRowKey"], "NA")
    require(isinstance(strict_json(more["NextPartitionKey"]), dict), more)


@test("paging: keys of all kinds in a continuation")
def _(s):
    table = s.table()
    empty = [""] if s.mode == "storage" else []
    keys = sorted((p, r) for p in (*empty, "a b", "it's", "\u00e9+&=%") for r in (*empty, "\u65e5\u672c", "x"))
    for partition, row in keys:
        s.insert(table, entity(row, partition)).expect(201)
    found = pages(s, table, top=1)
    expect_each_once(s, found, keys)


@test("paging: the fractions of Timestamps")
def _(s):
    timestamps = [e.get("Timestamp", "") for e in s.query(s.once(large), select="Timestamp", top=1000).values]
    expect(len(timestamps), 1000, "entities")
    for timestamp in timestamps:
        fraction = timestamp.partition(".")[2].removesuffix("Z")
        require(not fraction.endswith("0") if s.mode == "storage" else len(fraction) == 7, timestamp)


@test("paging: a page of more than a thousand", only="cosmos")
def _(s):
    expect(len(s.query(s.once(large), top=1100).values), 1100, "entities")


@test("paging: what is written between pages")
def _(s):
    table = s.table()
    for row in "bdfh":
        s.insert(table, entity(row)).expect(201)
    first = s.query(table, top=2)
    s.insert(table, entity("a")).expect(201)
    for e in first.values:
        s.delete(table, row=e["RowKey"]).expect(204)
    second = s.query(table, more=first.continuation)
    rest = set("bdfh") - {e["RowKey"] for e in first.values}
    require(rest <= {e["RowKey"] for e in second.values}, f"{second}: expected {rest}")
