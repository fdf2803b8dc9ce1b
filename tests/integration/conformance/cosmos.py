"""Behaviour that only Cosmos DB for Table has."""

import uuid

from .batches import Operation, delete, insert, put, send_batch
from .client import entity, escaped, expect, require, typed
from .sas import account_sas, table_sas
from .suite import test, tests


def cosmos(name):
    return test(f"cosmos: {name}", only="cosmos")


@tests("cosmos: the verb {} is refused", ["PATCH", "MERGE"], only="cosmos")
def _(s, verb):
    table = s.table()
    s.insert(table, entity(x=1)).expect(201)
    for etag in (None, "*"):
        s.send(verb, s.path_of(table, entity()), headers={"If-Match": etag}, body=entity(x=2)).refused_somehow()
    expect(s.get(table).own, {"x": 1})


@cosmos("PATCH is refused in a batch")
def _(s):
    table = s.table()
    s.insert(table, entity(x=1)).expect(201)
    batch = send_batch(s, [Operation("PATCH", s.url + s.path_of(table, entity()), {}, entity(x=2))])
    if batch.answer.status == 202:
        expect([part.status // 100 for part in batch.parts], [4], "refusals")
    else:
        batch.answer.refused_somehow()
    expect(s.get(table).own, {"x": 1})


@cosmos("a merge is a POST")
def _(s):
    table = s.table()
    url = s.path_of(table, entity())
    s.send("POST", url, headers={"X-HTTP-Method": "MERGE"}, body=entity(x=1, y=1)).expect(204)
    s.send("POST", url, headers={"X-HTTP-Method": "MERGE", "If-Match": "*"}, body=entity(x=2)).expect(204)
    expect(s.get(table).own, {"x": 2, "y": 1})


@cosmos("odata.metadata comes after the list")
def _(s):
    table = s.table()
    s.insert(table, entity()).expect(201)
    members = list(s.query(table).expect(200).json)
    require(members.index("odata.metadata") > members.index("value"), members)


@cosmos("a table has an ETag")
def _(s):
    require(s.create(s.new_name()).expect(201).etag.startswith("W/\"datetime'"), "another ETag")


@cosmos("names of tables differ in case")
def _(s):
    name = s.new_name("a")
    s.made.append(name.upper())
    s.create(name).expect(201)
    s.create(name.upper()).expect(201)
    s.insert(name, entity()).expect(201)
    expect((s.rows(name), s.rows(name.upper())), (["r"], []))


@tests("cosmos: a table's name with {}", {
    "a hyphen": "a-", "an underscore": "a_", "a digit first": "1"}, only="cosmos")
def _(s, prefix):
    name = s.new_name(prefix)
    s.create(name).expect(201)
    s.insert(name, entity()).expect(201)
    expect(s.rows(name), ["r"])
    s.delete_table(name).expect(204)


@tests("cosmos: a table's name with {} is refused", {
    "a slash": "a/b", "a backslash": "a\\b", "a number sign": "a#b", "a question mark": "a?b", "a space last": "ab "},
    only="cosmos")
def _(s, name):
    s.create(f"t{uuid.uuid4().hex[:10]}{name}").refused_somehow()


@cosmos("the length of a table's name")
def _(s):
    unique = s.new_name()
    s.made.append(unique.ljust(254, "a"))
    s.create(unique.ljust(254, "a")).expect(201)
    s.create(unique.ljust(255, "a")).refused_somehow()


@tests("cosmos: the property {} is reserved", ["id", "ID", "rid", "ResourceId"], only="cosmos")
def _(s, name):
    table = s.table()
    for write in (s.insert, s.put, s.merge):
        write(table, entity(**{name: "x"})).refused_somehow()
    expect(s.rows(table), [])


@cosmos("the property etag is kept, and Etag is not")
def _(s):
    table = s.table()
    for write in (s.insert, s.put, s.merge):
        write(table, entity(etag="kept", Etag="lost")).expect(201, 204)
        expect(s.get(table).own, {"etag": "kept"})


@tests("cosmos: a RowKey of 255 bytes, in {}", {
    "ASCII": "a" * 255, "Latin": "\u00e9" * 127, "Japanese": "\u65e5" * 85}, only="cosmos")
def _(s, row):
    table = s.table()
    s.insert(table, entity(row)).expect(201)
    s.get(table, row=row).expect(200)


@tests("cosmos: a RowKey of more, in {}", {
    "ASCII": "a" * 256, "Latin": "\u00e9" * 128, "Japanese": "\u65e5" * 86}, only="cosmos")
def _(s, row):
    table = s.table()
    s.insert(table, entity(row)).refused_somehow()
    s.put(table, entity(row)).refused_somehow()
    expect(s.rows(table), [])


@cosmos("the length of a PartitionKey")
def _(s):
    table = s.table()
    s.insert(table, entity(partition="a" * 512)).expect(201)
    s.insert(table, entity(partition="a" * 2100)).refused_somehow()


@cosmos("a Binary of more than 65536 bytes")
def _(s):
    table, large = s.table(), typed("a", "Binary", "AAAA" * 25000)
    s.insert(table, entity() | large).expect(201)
    expect(s.get(table).own, large)


@cosmos("a signature of a table is taken")
def _(s):
    table = s.table()
    sas = table_sas(s, table)
    s.insert(table, entity(x=1), authorize=sas).expect(201)
    s.merge(table, entity(y=2), authorize=sas).expect(204)
    expect(s.get(table, authorize=sas).own, {"x": 1, "y": 2})
    expect(len(s.query(table, authorize=sas).values), 1, "entities")
    send_batch(s, [put(s, table, entity("a"))], sas).expect_parts(204)
    s.delete(table, authorize=sas).expect(204)
    expect(s.rows(table), ["a"])
    s.insert(table, entity("b"), authorize=table_sas(s, table, sp="r")).refused(403)


@cosmos("a signature of a range of keys is not")
def _(s):
    table = s.table()
    sas = table_sas(s, table, spk="p", srk="a", epk="p", erk="z")
    answer = s.insert(table, entity(), authorize=sas).expect(501)
    expect(answer.error[0], "NotImplemented", "code")
    expect(answer.error[1].partition("\r\n")[0],
           "Shared access signature with PartitionKey or RowKey are not supported", "message")


@cosmos("a signature of the account is not")  # of which nothing is known
def _(s):
    table = s.table()
    for sas in (account_sas(s), account_sas(s, sv="2020-12-06")):
        s.query(table, authorize=sas).refused(403)
        s.insert(table, entity(), authorize=sas).refused(403)
    expect(s.rows(table), [])


@cosmos("neither x-ms-version nor the client's request id comes back")
def _(s):
    answer = s.query(s.table(), headers={"x-ms-client-request-id": str(uuid.uuid4())}).expect(200)
    expect((answer.header("x-ms-version"), answer.header("x-ms-client-request-id")), (None, None))


@cosmos("parts of a batch have a Content-ID")
def _(s):
    table = s.table()
    s.insert(table, entity("r")).expect(201)
    batch = send_batch(s, [insert(s, table, entity("a")), put(s, table, entity("b")), delete(s, table)])
    expect([part.header("Content-ID") for part in batch.expect_parts(204, 204, 204)], ["1", "2", "3"])


@cosmos("the line ends of a batch are mixed")
def _(s):
    table = s.table()
    for statuses in ([204, 204], [409]):
        batch = send_batch(s, [insert(s, table, entity("a")), insert(s, table, entity("b"))])
        batch.expect_parts(*statuses)
        lines = batch.answer.text.split("\n")
        for line in lines:
            if line.startswith(("HTTP/1.1", "ETag:", "{")):  # the last is all of an error
                require(line.endswith("\r"), f"{line!r}, expected CRLF")
            if line.startswith(("Content-Type: application/http", "Content-Transfer-Encoding:", "--changeset")):
                require(not line.endswith("\r"), f"{line!r}, expected LF")


@cosmos("a continuation has to be escaped, and works when it is")
def _(s):
    table = s.table()
    for row in "abc":
        s.insert(table, entity(row)).expect(201)
    first = s.query(table, top=2)
    token = dict(first.continuation).get("NextPartitionKey", "")
    require(escaped(token) != token, token)
    rest = s.query(table, more=first.continuation)
    expect(sorted(e["RowKey"] for e in first.values + rest.values), ["a", "b", "c"])
    expect(rest.continuation, [])
