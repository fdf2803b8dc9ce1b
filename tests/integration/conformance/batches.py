"""Entity group transactions."""

import json
import re
import uuid
from email.parser import HeaderParser
from email.utils import formatdate

from .client import FULL, MINIMAL, NONE, Answer, Failure, entity, expect, expect_match, key, own, require, json_type
from .suite import test, tests

# Operations: the content of a part of the changeset.


class Operation:
    def __init__(self, method, url, headers, body=None):
        self.method, self.url, self.body = method, url, body
        self.headers = {"Accept": MINIMAL, "DataServiceVersion": "3.0"} | headers
        if body is not None:
            self.headers["Content-Type"] = "application/json"

    def __str__(self):
        return f"{self.method} {self.url} in a batch"

    def text(self, eol="\r\n"):
        lines = [f"{self.method} {self.url} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in self.headers.items() if value is not None]
        body = self.body if isinstance(self.body, str) else json.dumps(self.body)
        return eol.join([*lines, "", "" if self.body is None else body])


def insert(s, table, sent, prefer="return-no-content"):
    return Operation("POST", f"{s.url}/{table}", {"Prefer": prefer}, sent)


def put(s, table, sent, etag=None):
    return Operation("PUT", s.url + s.path_of(table, sent), {"If-Match": etag}, sent)


def merge(s, table, sent, etag=None):
    url = s.url + s.path_of(table, sent)
    if s.mode == "cosmos":
        return Operation("POST", url, {"If-Match": etag, "X-HTTP-Method": "MERGE"}, sent)
    return Operation("PATCH", url, {"If-Match": etag}, sent)


def delete(s, table, partition="p", row="r", etag="*"):
    return Operation("DELETE", f"{s.url}/{table}{key(partition, row)}", {"If-Match": etag})


def get(s, table, partition="p", row="r"):
    return Operation("GET", f"{s.url}/{table}{key(partition, row)}", {})


def multipart(boundary, parts, eol="\r\n"):
    """Parts are their headers and their content."""
    text = "".join(f"--{boundary}{eol}{headers}{eol}{eol}{content}{eol}" for headers, content in parts)
    return f"{text}--{boundary}--{eol}"


def changeset(operations, eol="\r\n"):
    boundary = f"changeset_{uuid.uuid4()}"
    headers = f"Content-Type: application/http{eol}Content-Transfer-Encoding: binary"
    parts = [(headers, operation.text(eol)) for operation in operations]
    return f"Content-Type: multipart/mixed; boundary={boundary}", multipart(boundary, parts, eol)


def send_parts(s, parts, authorize=None):
    boundary = f"batch_{uuid.uuid4()}"
    return send_raw(s, f"multipart/mixed; boundary={boundary}", multipart(boundary, parts), authorize)


def send_raw(s, content_type, body, authorize=None):
    return s.send("POST", "/$batch", headers={"Content-Type": content_type}, body=body, authorize=authorize)


def send_batch(s, operations, authorize=None):
    return Batch(s, send_parts(s, [changeset(operations)], authorize), operations)


def send_query(s, operation):
    headers = "Content-Type: application/http\r\nContent-Transfer-Encoding: binary"
    return Batch(s, send_parts(s, [(headers, operation.text())]), [operation])


# Responses.


def first_line(answer):
    """Of the message of an error."""
    return re.split(r"\r?\n", answer.error[1])[0]


def split(headers_and_content):
    head, separator, content = re.split(r"\r?\n(\r?\n)", "\n" + headers_and_content, maxsplit=1) \
        if re.search(r"\r?\n\r?\n", "\n" + headers_and_content) else (headers_and_content, "", "")
    return HeaderParser().parsestr(head.replace("\r\n", "\n").lstrip("\n")), content


def parts_of(content_type, body):
    """Splits a multipart text, with lines that end in CRLF or in LF."""
    boundary = re.fullmatch(r"multipart/mixed; ?boundary=(\S+)", content_type or "")
    require(boundary, f"Content-Type {content_type}")
    delimiter = re.escape("--" + boundary[1])
    pieces = re.split(rf"(?:\A|\r?\n){delimiter}(--)?[ \t]*(?:\r?\n|\Z)", body)
    require(len(pieces) > 2 and pieces[-2] == "--" and pieces[-1].strip() == "" and pieces[0].strip() == "" and
            pieces[1:-2:2] == [None] * len(pieces[1:-2:2]), f"no multipart text: {body!r}")
    return [split(piece) for piece in pieces[2:-2:2]]


class Batch:
    def __init__(self, s, answer, operations):
        self.service, self.answer, self.operations = s, answer, operations

    @property
    def parts(self):
        """The responses to the operations."""
        self.answer.expect(202)
        outer_type = self.answer.header("Content-Type")
        expect_match(r"multipart/mixed; ?boundary=batchresponse_[\w-]+", outer_type, "Content-Type")
        content = parts_of(outer_type, self.answer.text)
        expect(len(content), 1, "outer parts")
        if self.operations[0].method != "GET":
            content_type = content[0][0]["Content-Type"]
            expect_match(r"multipart/mixed; ?boundary=changesetresponse_[\w-]+", content_type, "Content-Type")
            content = parts_of(content_type, content[0][1])
        operations = self.operations if len(content) == len(self.operations) else [None] * len(content)
        return [self.part(o, *c) for o, c in zip(operations, content)]

    def part(self, operation, headers, content):
        expect(headers["Content-Type"], "application/http", "Content-Type")
        expect(headers["Content-Transfer-Encoding"], "binary", "Content-Transfer-Encoding")
        line = re.match(r"HTTP/1\.1 (\d{3}) [^\r\n]*\r?\n", content)
        require(line, f"no status line: {content!r}")
        inner_headers, body = split(content[line.end():])
        return Answer(self.service, operation or "the batch", int(line[1]), inner_headers, body.strip().encode())

    def expect_parts(self, *statuses):
        parts = self.parts
        if [part.status for part in parts] != list(statuses):
            raise Failure(f"{self.answer.text!r}: expected {statuses}")
        return parts

    def refused(self, index, status, *codes):
        """As one part, which names the operation."""
        parts = self.parts
        expect(len(parts), 1, "parts")
        parts[0].refused(status, *codes)
        message = parts[0].error[1]
        found = re.match(r"(\d+):|", message)[1] or "0"
        expect(found, str(index), "index")
        return parts[0]

    def refused_by_gateway(self, index, code):
        """As one part in Table Storage, as a whole in Cosmos DB."""
        if self.service.mode == "storage":
            return self.refused(index, 400, code)
        self.answer.expect(400)
        expect(self.answer.error[0], code, "code")
        require(self.answer.error[1].startswith(f"{index}:"), f"{self.answer}, expected the index {index}")

    def refused_as_a_whole(self, *codes):
        """By its status, or by its part."""
        if self.answer.status != 202:
            return self.answer.refused(400, *codes)
        parts = self.parts
        expect(len(parts), 1, "parts")
        return parts[0].refused(400, *codes)


def contents(s, table):
    return {e["RowKey"]: own(e) for e in s.query(table).values}


# Tests.


@test("batches: all kinds of operations")
def _(s):
    table = s.table()
    for row in "abcd":
        s.insert(table, entity(row, x=1, y=1)).expect(201)
    etag = s.get(table, row="b").etag
    batch = send_batch(s, [
        insert(s, table, entity("new", x=2)), put(s, table, entity("a", x=2)), put(s, table, entity("b", x=2), etag),
        merge(s, table, entity("c", x=2)), put(s, table, entity("put", x=2)), merge(s, table, entity("merge", x=2)),
        delete(s, table, row="d")])
    parts = batch.expect_parts(*[204] * 7)
    expect(contents(s, table), {"new": {"x": 2}, "a": {"x": 2}, "b": {"x": 2}, "c": {"x": 2, "y": 1},
                                "put": {"x": 2}, "merge": {"x": 2}})
    for row, part in zip(["new", "a", "b", "c", "put", "merge"], parts):
        expect(part.etag, s.get(table, row=row).etag, "ETag")
        expect(part.body, b"")
    expect(parts[6].header("ETag"), None, "ETag")


@test("batches: an insert says where the entity is")
def _(s):
    table = s.table()
    part, = send_batch(s, [insert(s, table, entity("it's"))]).expect_parts(204)
    url = f"{s.url}/{table}(PartitionKey='p',RowKey='it''s')"
    expect(part.header("Location"), url, "Location")
    expect(part.header("DataServiceId"), url if s.mode == "storage" else None, "DataServiceId")


@test("batches: an insert with Prefer: return-no-content")
def _(s):
    part, = send_batch(s, [insert(s, s.table(), entity())]).expect_parts(204)
    expect(part.header("Preference-Applied"), "return-no-content")


@test("batches: an insert with its content")
def _(s):
    table = s.table()
    batch = send_batch(s, [insert(s, table, entity("a", x=1), prefer=None),
                           insert(s, table, entity("b", x=2), prefer="return-content")])
    for row, x, part in zip("ab", (1, 2), batch.expect_parts(201, 201)):
        found = part.json
        expect((found.get("RowKey"), found.get("x"), found.get("odata.etag")), (row, x, part.etag))
        expect(part.header("Content-Type"), json_type(s, MINIMAL), "Content-Type")


@test("batches: parts are in the order of the operations")
def _(s):
    table = s.table()
    rows = [f"{n * 37 % 100:02}" for n in range(50)]
    batch = send_batch(s, [insert(s, table, entity(row)) for row in rows])
    for row, part in zip(rows, batch.expect_parts(*[204] * 50)):
        require(s.is_at(part.header("Location"), s.path_of(table, entity(row))),
                f"Location {part.header('Location')}, expected that of {row}")


def check_row(s, row):
    table = s.table()
    send_batch(s, [insert(s, table, entity(row, x=1)), put(s, table, entity("other"))]).expect_parts(204, 204)
    send_batch(s, [put(s, table, entity(row, x=2))]).expect_parts(204)
    send_batch(s, [merge(s, table, entity(row, y=3))]).expect_parts(204)
    expect(contents(s, table), {row: {"x": 2, "y": 3}, "other": {}})
    send_batch(s, [delete(s, table, row=row)]).expect_parts(204)
    expect(s.rows(table), ["other"])


tests("batches: a row {}", {
    "with a quote": "it's", "with a comma and a quote": "a',b", "of Japanese": "\u65e5\u672c", "with brackets": "(a)",
    "with percent and plus": "1%+2%"})(check_row)
tests("batches: a row {}", {"that is empty": ""}, only="storage")(check_row)


@tests("batches: a text {}", {
    "like a boundary": "--batch_1\r\n--changeset_1--\r\n", "like a request": "PUT http://x/y HTTP/1.1\r\n\r\n{}",
    "of braces": '}{"a":1}\n{', "of Japanese": "\u65e5\u672c", "of line separators": "\u2028"})
def _(s, text):
    table = s.table()
    send_batch(s, [put(s, table, entity("a", x=text)), put(s, table, entity("b", x=text))]).expect_parts(204, 204)
    expect(contents(s, table), {"a": {"x": text}, "b": {"x": text}})


@test("batches: JSON of several lines")
def _(s):
    table = s.table()
    text = json.dumps(entity(x=1), indent=2).replace("\n", "\r\n")
    send_batch(s, [Operation("POST", f"{s.url}/{table}", {"Prefer": "return-no-content"}, text)]).expect_parts(204)
    expect(contents(s, table), {"r": {"x": 1}})


@test("batches: lines that end in LF")
def _(s):
    table = s.table()
    boundary = f"batch_{uuid.uuid4()}"
    body = multipart(boundary, [changeset([put(s, table, entity(x=1))], "\n")], "\n")
    Batch(s, send_raw(s, f"multipart/mixed; boundary={boundary}", body),
          [put(s, table, entity())]).expect_parts(204)
    expect(contents(s, table), {"r": {"x": 1}})


@test("batches: the headers that clients add to parts")
def _(s):
    table = s.table()
    operations = [insert(s, table, entity(row)) for row in "ab"]
    for n, operation in enumerate(operations):
        date = formatdate(usegmt=True)
        operation.headers |= {"Content-ID": str(n), "x-ms-version": "2019-02-02", "x-ms-date": date, "Date": date,
                              "Host": "127.0.0.1", "MaxDataServiceVersion": "3.0;NetFx",
                              "Content-Length": str(len(json.dumps(operation.body)))}
    send_batch(s, operations).expect_parts(204, 204)
    expect(s.rows(table), ["a", "b"])


@test("batches: 100 operations")
def _(s):
    table = s.table()
    send_batch(s, [insert(s, table, entity(f"{n:03}")) for n in range(100)]).expect_parts(*[204] * 100)
    expect(len(s.rows(table)), 100, "entities")


@test("batches: 101 operations", only="storage")  # Cosmos DB documents the same limit, but has taken 101
def _(s):
    table = s.table()
    refusal = send_batch(s, [insert(s, table, entity(f"{n:03}")) for n in range(101)]) \
        .refused_as_a_whole("InvalidInput")
    expect(first_line(refusal), "99:The batch request operation exceeds the maximum 100 changes per change set.")
    expect(s.rows(table), [])


def failing(s, table):
    """Operations that fail in a table with the entities a and b, with their errors."""
    return {
        "insert what is there": (insert(s, table, entity("a")), 409, "EntityAlreadyExists"),
        "put with a stale ETag": (put(s, table, entity("a"), s.stale), 412, "UpdateConditionNotSatisfied"),
        "merge with a stale ETag": (merge(s, table, entity("a"), s.stale), 412, "UpdateConditionNotSatisfied"),
        "delete with a stale ETag": (delete(s, table, row="a", etag=s.stale), 412, "UpdateConditionNotSatisfied"),
        "update what is not there": (put(s, table, entity("none"), "*"), 404, "ResourceNotFound"),
        "merge into what is not there": (merge(s, table, entity("none"), "*"), 404, "ResourceNotFound"),
        "delete what is not there": (delete(s, table, row="none"), 404, "ResourceNotFound"),
    }


@tests("batches: {}", {
    f"{operation}, {place}": (operation, index)
    for operation in ("insert what is there", "put with a stale ETag", "merge with a stale ETag",
                      "delete with a stale ETag", "update what is not there", "merge into what is not there",
                      "delete what is not there")
    for place, index in {"first": 0, "third": 2}.items()})
def _(s, kind, index):
    table = s.table()
    s.stale = s.insert(table, entity("a", x=0)).expect(201).etag
    for row in "abc":
        s.put(table, entity(row, x=1)).expect(204)
    etags = [s.get(table, row=row).etag for row in "abc"]
    operation, status, code = failing(s, table)[kind]
    others = [insert(s, table, entity("new")), put(s, table, entity("b", x=2)), delete(s, table, row="c"),
              merge(s, table, entity("newer", x=2))]
    part = send_batch(s, others[:index] + [operation] + others[index:]).refused(index, status, code)
    require((part.header("Content-Type") or "").startswith("application/json"), part)
    # The service applied none of it.
    expect(contents(s, table), {row: {"x": 1} for row in "abc"})
    expect([s.get(table, row=row).etag for row in "abc"], etags, "ETags")


FIRST = {
    "a missing entity": (lambda s, table: delete(s, table, row="none"), "", "0:"),
    "an entity that exists": (lambda s, table: insert(s, table, entity("a")), "", "0:"),
    "a stale ETag": (lambda s, table: put(s, table, entity("a"), s.stale), "", "0:"),
    "a missing table": (lambda s, table: insert(s, s.new_name(), entity()), "0:", ""),
}


@tests("batches: the index of the first operation, for {}", FIRST)
def _(s, operation, in_storage, in_cosmos):
    table = s.table()
    s.stale = s.insert(table, entity("a")).expect(201).etag
    s.put(table, entity("a", x=1)).expect(204)
    part, = send_batch(s, [operation(s, table)]).parts
    message = part.error[1]
    expect(message[:2] if message[1] == ":" else "", in_storage if s.mode == "storage" else in_cosmos, "index")
    if s.mode == "cosmos":  # an empty line stands behind a message with an index
        expect_match(r"0:[^\n]+\n\nRequestID:.*" if in_cosmos else r"[^\n]+\nRequestID:.*", message, "message")


@tests("batches: the index of the first operation is written, for {}", {
    "a text that is too long": (lambda s, table: put(s, table, entity(x="a" * 32769)), "PropertyValueTooLarge"),
    "a name that is too long": (lambda s, table: insert(s, table, entity(**{"a" * 256: 1})), "PropertyNameTooLong"),
    "too many properties": (lambda s, table: merge(s, table, entity(**{f"n{n}": n for n in range(253)})),
                            "TooManyProperties"),
    "a missing key": (lambda s, table: insert(s, table, {"PartitionKey": "p"}), "PropertiesNeedValue"),
    "a list": (lambda s, table: insert(s, table, entity(x=[])), "InvalidInput"),
    "a delete without ETag": (lambda s, table: delete(s, table, etag=None), "MissingRequiredHeader")}, only="storage")
def _(s, operation, code):
    part = send_batch(s, [operation(s, s.table())]).refused(0, 400, code)
    require(part.error[1].startswith("0:"), f"{part}: no index")


@tests("batches: a query has an index, of {}", {
    "a missing entity": (lambda s: get(s, s.table()), "0:The specified resource does not exist."),
    "a missing table": (lambda s: get(s, s.new_name()), "0:The table specified does not exist.")}, only="storage")
def _(s, operation, message):
    part, = send_query(s, operation(s)).expect_parts(404)
    expect(first_line(part), message, "message")


@test("batches: what the gateway refuses, it refuses as a whole", only="cosmos")
def _(s):
    table = s.table()
    batch = send_batch(s, [put(s, table, entity("a")), insert(s, table, {"PartitionKey": "p"})])
    batch.refused_by_gateway(1, "PropertiesNeedValue")
    expect_match(r"1:[^\r\n]+\r\nActivityId: [^\n]+\nRequestID:[^\n]+\n", batch.answer.error[1], "message")
    expect((batch.answer.header("Content-Type") or "").replace(" ", ""), FULL, "Content-Type")
    expect(s.rows(table), [])


@test("batches: an empty changeset")
def _(s):
    s.table()
    boundary = f"batch_{uuid.uuid4()}"
    answer = send_raw(s, f"multipart/mixed; boundary={boundary}", multipart(boundary, [changeset([])])).expect(202)
    require("HTTP/1.1" not in answer.text and answer.text.count("changesetresponse") == 2, answer)


@tests("batches: an error is {}", {
    "JSON as the part asks": (None, "application/json", True), "JSON as the batch asks": (MINIMAL, None, True),
    "XML as nobody asks": (None, None, False), "XML as the part asks": (MINIMAL, "application/xml", False)},
    only="storage")
def _(s, outer, inner, is_json):
    operation = put(s, s.table(), entity(), "*")
    operation.headers["Accept"] = inner
    headers, content = changeset([operation])
    boundary = f"batch_{uuid.uuid4()}"
    answer = s.send("POST", "/$batch", headers={"Content-Type": f"multipart/mixed; boundary={boundary}",
                                                "Accept": outer}, body=multipart(boundary, [(headers, content)]))
    part = Batch(s, answer, [operation]).refused(0, 404, "ResourceNotFound")
    expect(part.header("Content-Type"), "application/json;odata=minimalmetadata;streaming=true;charset=utf-8"
           if is_json else "application/xml", "Content-Type")
    expect(part.body.startswith(b"{"), is_json, "JSON")


@tests("batches: an error at the level of {}", {
    "the part": (MINIMAL, NONE), "the part, above that of the batch": (NONE, MINIMAL),
    "the batch": (NONE, None)}, only="storage")
def _(s, outer, inner):
    operation = delete(s, s.table())
    operation.headers["Accept"] = inner
    boundary = f"batch_{uuid.uuid4()}"
    answer = s.send("POST", "/$batch", headers={"Content-Type": f"multipart/mixed; boundary={boundary}",
                                                "Accept": outer}, body=multipart(boundary, [changeset([operation])]))
    expect(Batch(s, answer, [operation]).refused(0, 404).header("Content-Type"),
           f"{inner or outer};streaming=true;charset=utf-8", "Content-Type")


@test("batches: an error is JSON always", only="cosmos")
def _(s):
    operation = delete(s, s.table())
    operation.headers["Accept"] = "application/xml"
    part = send_batch(s, [operation]).refused(0, 404, "ResourceNotFound")
    expect(part.header("Content-Type"), FULL, "Content-Type")
    expect(part.json["odata.error"]["message"]["lang"], "en-us", "language")


@tests("batches: a Content-Length {}", {
    "before more line ends": (0, "\r\n\r\n", True), "before line ends of LF": (0, "\n\n", True),
    "before one line end": (0, "\n", True), "of the whole part": (4, "\r\n\r\n", True),
    "before more text": (0, "\r\n{}", False), "that cuts the text": (-1, "", False),
    "that cuts the text before line ends": (-1, "\r\n\r\n", False), "of more than there is": (1, "", False),
    "of more than the text and the line ends": (5, "\r\n\r\n", False)})
def _(s, more, line_ends, is_taken):
    table = s.table()
    text = json.dumps(entity(x=1))
    operation = Operation("PUT", s.url + s.path_of(table, entity()),
                          {"Content-Length": str(len(text) + more), "Content-Type": "application/json"},
                          text + line_ends)
    batch = send_batch(s, [operation])
    if is_taken:
        batch.expect_parts(204)
        expect(contents(s, table), {"r": {"x": 1}})
    else:
        batch.answer.refused(400)
        expect(s.rows(table), [])


@test("batches: URLs may be paths")
def _(s):
    table = s.table()
    operations = [Operation("POST", f"{s.base}/{table}", {"Prefer": "return-no-content"}, entity("a")),
                  Operation("PUT", s.base + s.path_of(table, entity("b")), {}, entity("b"))]
    send_batch(s, operations).expect_parts(204, 204)
    expect(s.rows(table), ["a", "b"])
    operation = get(s, table, row="a")
    operation.url = f"{s.base}/{table}{key('p', 'a')}"
    send_query(s, operation).expect_parts(200)


@test("batches: URLs may be paths without the account, which the host names", only="storage")
def _(s):
    table = s.table()
    operations = [Operation("POST", f"/{table}", {"Prefer": "return-no-content"}, entity("a")),
                  Operation("PUT", s.path_of(table, entity("b")), {}, entity("b"))]
    boundary = f"batch_{uuid.uuid4()}"
    base, s.base = s.base, ""
    try:
        host = f"{s.account}.table.example.org"
        headers = {"Host": host, "Content-Type": f"multipart/mixed; boundary={boundary}"}
        answer = s.send("POST", "/$batch", headers=headers, body=multipart(boundary, [changeset(operations)]))
    finally:
        s.base = base
    parts = Batch(s, answer, operations).expect_parts(204, 204)
    expect(parts[0].header("Location"), f"http://{host}/{table}(PartitionKey='p',RowKey='a')", "Location")
    expect(s.rows(table), ["a", "b"])


# What Table Storage does is not known: no client leaves the account out of both.
@test("batches: a path without the account, which the host does not name either, is refused", only="storage")
def _(s):
    table = s.table()
    send_batch(s, [Operation("PUT", s.path_of(table, entity()), {}, entity())]).refused_as_a_whole()
    expect(s.rows(table), [])


@tests("batches: the keys in the URL count, in a {}", ["PUT", "PATCH", "MERGE"], only="storage")
def _(s, method):
    table = s.table()
    for x in (1, 2):
        url = s.url + s.path_of(table, entity())
        send_batch(s, [Operation(method, url, {}, entity("other", "other", x=x))]).expect_parts(204)
        expect([(e["PartitionKey"], e["RowKey"], e["x"]) for e in s.query(table).values], [("p", "r", x)])


@test("batches: the rows of one share a timestamp, unless the clock moves on between them", only="storage")
def _(s):
    table, before = s.table(), set()
    for _ in range(1000):
        parts = send_batch(s, [put(s, table, entity(row)) for row in "ab"]).expect_parts(204, 204)
        etags = [part.etag for part in parts]
        expect([e["odata.etag"] for e in s.query(table).values], etags)
        require(before.isdisjoint(etags), "two batches share a timestamp")
        if etags[0] == etags[1]:
            return
        before = set(etags)
    require(False, "no two rows share one")


@test("batches: timestamps are in the order of the rows", only="storage")
def _(s):
    table = s.table()
    parts = send_batch(s, [put(s, table, entity(f"{n:02}")) for n in range(100)]).expect_parts(*[204] * 100)
    rows = s.query(table).values
    expect([e["odata.etag"] for e in rows], [part.etag for part in parts], "ETags")
    times = [e["Timestamp"].rstrip("Z").ljust(20, ".").ljust(27, "0") for e in rows]
    expect(times, sorted(times), "Timestamps")


@test("batches: each row has a timestamp of its own", only="cosmos")
def _(s):
    table = s.table()
    parts = send_batch(s, [put(s, table, entity(f"{n:02}")) for n in range(20)]).expect_parts(*[204] * 20)
    expect(len({part.etag for part in parts}), 20, "ETags")


def headers_of(part):
    return sorted(name.lower() for name in part.headers.keys())


STORAGE_PART = ["cache-control", "dataserviceversion", "x-content-type-options"]
PARTS = {  # the headers in Table Storage and in Cosmos DB, the version in Table Storage
    "insert": (lambda s, t: insert(s, t, entity("new")), ["dataserviceid", "etag", "location", "preference-applied"],
               ["content-id", "etag", "location", "preference-applied"], "3.0;"),
    "insert with content": (lambda s, t: insert(s, t, entity("new"), None), ["content-type", "etag", "location"],
                            ["content-id", "content-type", "etag", "location"], "3.0;"),
    "put": (lambda s, t: put(s, t, entity("a")), ["etag"], ["content-id", "etag"], "1.0;"),
    "merge": (lambda s, t: merge(s, t, entity("a")), ["etag"], ["content-id", "etag"], "1.0;"),
    "delete": (lambda s, t: delete(s, t, row="a"), [], ["content-id"], "1.0;"),
    "insert with content, as preferred": (lambda s, t: insert(s, t, entity("new"), "return-content"),
                                          ["content-type", "etag", "location", "preference-applied"],
                                          ["content-id", "content-type", "etag", "location", "preference-applied"],
                                          "3.0;"),
    "put with an ETag": (lambda s, t: put(s, t, entity("a"), "*"), ["etag"], ["content-id", "etag"], "1.0;"),
    "merge that inserts": (lambda s, t: merge(s, t, entity("new")), ["etag"], ["content-id", "etag"], "1.0;"),
    "a failure": (lambda s, t: delete(s, t, row="none"), ["content-type"], ["content-type"], "3.0;"),
    "a put that fails": (lambda s, t: put(s, t, entity("none"), "*"), ["content-type"], ["content-type"], "3.0;"),
    "a merge that fails": (lambda s, t: merge(s, t, entity("a"), "W/\"datetime'2020-01-01T00%3A00%3A00Z'\""),
                           ["content-type"], ["content-type"], "3.0;"),
    "an insert that fails": (lambda s, t: insert(s, t, entity("a")), ["content-type", "preference-applied"],
                             ["content-type"], "3.0;"),
    "a missing table": (lambda s, t: put(s, s.new_name(), entity()), ["content-type"], ["content-type"], "3.0;"),
    "an insert into a missing table": (lambda s, t: insert(s, s.new_name(), entity()), ["content-type"],
                                       ["content-type"], "3.0;"),
}


@tests("batches: the headers of a part, {}", PARTS)
def _(s, operation, in_storage, in_cosmos, version):
    table = s.table()
    s.insert(table, entity("a")).expect(201)
    part, = send_batch(s, [operation(s, table)]).parts
    if s.mode == "cosmos":
        expect(headers_of(part), in_cosmos, "headers")
        return
    common = [name for name in STORAGE_PART if name != "cache-control" or part.status != 404
              or part.error[0] != "TableNotFound"]
    expect(headers_of(part), sorted(in_storage + common), "headers")
    expect(part.header("DataServiceVersion"), version, "DataServiceVersion")
    expect(part.header("X-Content-Type-Options"), "nosniff", "X-Content-Type-Options")
    expect(part.header("Cache-Control"), "no-cache" if "cache-control" in common else None, "Cache-Control")


@tests("batches: the headers of a query's part, {}", {
    "found": ("r", 200, ["content-type", "etag"]), "not found": ("none", 404, ["content-type"])}, only="storage")
def _(s, row, status, expected):
    table = s.table()
    s.insert(table, entity()).expect(201)
    part, = send_query(s, get(s, table, row=row)).expect_parts(status)
    expect(headers_of(part), sorted([*STORAGE_PART, *expected]), "headers")
    expect(part.header("DataServiceVersion"), "3.0;", "DataServiceVersion")


@test("batches: the first failure is the response")
def _(s):
    table = s.table()
    s.insert(table, entity("a")).expect(201)
    send_batch(s, [insert(s, table, entity("b")), insert(s, table, entity("a")), delete(s, table, row="none")]) \
        .refused(1, 409, "EntityAlreadyExists")


@test("batches: the Content-ID of a request comes back, from a failure, too", only="storage")
def _(s):
    table = s.table()
    operations = [insert(s, table, entity("a")), put(s, table, entity("b")), delete(s, table, row="none")]
    for n, operation in enumerate(operations):
        operation.headers["Content-ID"] = str(n + 7)
    part = send_batch(s, operations).refused(2, 404)
    expect(part.headers.items()[0], ("Content-ID", "9"), "first header")
    parts = send_batch(s, operations[:2]).expect_parts(204, 204)
    expect([part.headers.items()[0] for part in parts], [("Content-ID", "7"), ("Content-ID", "8")], "first headers")
    parts = send_batch(s, [put(s, table, entity("a"))]).expect_parts(204)
    expect(parts[0].header("Content-ID"), None, "Content-ID")


@test("batches: the Content-ID of the changeset's part does not come back", only="storage")
def _(s):
    operation = put(s, s.table(), entity())
    headers = "Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\nContent-ID: 7"
    content = ("Content-Type: multipart/mixed; boundary=changeset_1",
               multipart("changeset_1", [(headers, operation.text())]))
    part, = Batch(s, send_parts(s, [content]), [operation]).expect_parts(204)
    expect(part.header("Content-ID"), None, "Content-ID")


@test("batches: a Content-ID is counted, whatever the request has", only="cosmos")
def _(s):
    table = s.table()
    operations = [insert(s, table, entity("a")), put(s, table, entity("b")), merge(s, table, entity("c"))]
    for operation in operations:
        operation.headers["Content-ID"] = "7"
    parts = send_batch(s, operations).expect_parts(204, 204, 204)
    expect([part.header("Content-ID") for part in parts], ["1", "2", "3"])
    expect(send_batch(s, operations).refused(0, 409).header("Content-ID"), None, "Content-ID of a failure")


# Cosmos DB has taken it earlier, at least of two merges.
@tests("batches: the same row twice, by {}", {"put and merge": (put, merge), "two merges": (merge, merge)})
def _(s, first, second):
    table = s.table()
    operations = [first(s, table, entity("a")), put(s, table, entity("b")), second(s, table, entity("a", x=1))]
    batch = send_batch(s, operations)
    batch.refused_by_gateway(2, "InvalidDuplicateRow")
    answer = batch.answer if s.mode == "cosmos" else batch.parts[0]
    expect(first_line(answer), "2:The batch request contains multiple changes with same row key. An entity can "
                               "appear only once in a batch request.", "message")
    expect(s.rows(table), [])


@test("batches: an insert and a delete of one row")
def _(s):
    table = s.table()
    send_batch(s, [insert(s, table, entity("a")), delete(s, table, row="a")]) \
        .refused_by_gateway(1, "InvalidDuplicateRow")
    expect(s.rows(table), [])


@test("batches: two partitions")
def _(s):
    table = s.table()
    send_batch(s, [insert(s, table, entity("a", "p")), insert(s, table, entity("b", "q"))]) \
        .refused_by_gateway(1, "CommandsInBatchActOnDifferentPartitions")
    expect(s.rows(table), [])


@test("batches: two tables")
def _(s):
    first, second = s.table(), s.table()
    send_batch(s, [put(s, first, entity("a")), put(s, second, entity("b"))]).refused_as_a_whole()
    expect((s.rows(first), s.rows(second)), ([], []))


@test("batches: no such table")
def _(s):
    send_batch(s, [insert(s, s.new_name(), entity())]).refused(0, 404, s.no_table)


@test("batches: delete needs If-Match")
def _(s):
    table = s.table()
    s.insert(table, entity("a")).expect(201)
    send_batch(s, [put(s, table, entity("b")), delete(s, table, row="a", etag=None)]) \
        .refused_by_gateway(1, "MissingRequiredHeader")
    expect(s.rows(table), ["a"])


@tests("batches: an entity that is refused, for {}", {
    "a text that is too long": ({"x": "a" * 32769}, "PropertyValueTooLarge"),
    "its size": ({f"x{n}": "a" * 32768 for n in range(17)}, "EntityTooLarge"),
    "its properties": ({f"x{n}": n for n in range(253)}, "TooManyProperties"),
    "an Int64 that is a number": ({"x@odata.type": "Edm.Int64", "x": 5}, "InvalidInput"),
    "a list": ({"x": []}, "InvalidInput")}, only="storage")
def _(s, properties, code):
    table = s.table()
    for operation in (insert, put, merge):
        operations = [put(s, table, entity("a")), operation(s, table, entity("b", **properties))]
        send_batch(s, operations).refused(1, 400, code)
    expect(s.rows(table), [])


@test("batches: merge by X-HTTP-Method")
def _(s):
    table = s.table()
    s.insert(table, entity(x=1, y=1)).expect(201)
    url = s.url + s.path_of(table, entity())
    send_batch(s, [Operation("POST", url, {"X-HTTP-Method": "MERGE"}, entity(x=2))]).expect_parts(204)
    expect(contents(s, table), {"r": {"x": 2, "y": 1}})


@test("batches: merge by MERGE", only="storage")
def _(s):
    table = s.table()
    s.insert(table, entity(x=1, y=1)).expect(201)
    url = s.url + s.path_of(table, entity())
    send_batch(s, [Operation("MERGE", url, {}, entity(x=2))]).expect_parts(204)
    expect(contents(s, table), {"r": {"x": 2, "y": 1}})


@test("batches: a query")
def _(s):
    table = s.table()
    etag = s.insert(table, entity("it's", x=1)).expect(201).etag
    part, = send_query(s, get(s, table, row="it's")).expect_parts(200)
    found = part.json
    expect((found.get("RowKey"), found.get("x"), found.get("odata.etag")), ("it's", 1, etag))


@test("batches: a query of what is not there")
def _(s):
    table = s.table()
    send_query(s, get(s, table)).expect_parts(404)[0].refused(404, "ResourceNotFound")


@test("batches: a query among writes")
def _(s):
    table = s.table()
    s.insert(table, entity("a")).expect(201)
    send_batch(s, [put(s, table, entity("b")), get(s, table, row="a")]).refused_as_a_whole()
    expect(s.rows(table), ["a"])


@test("batches: two changesets")
def _(s):
    table = s.table()
    parts = [changeset([put(s, table, entity(row))]) for row in "ab"]
    answer = send_parts(s, parts)
    require(answer.expect(202, 400).status == 400 or "HTTP/1.1 400" in answer.text, answer)
    require("b" not in s.rows(table), "the second was executed")


@tests("batches: no batch: {}", {
    "an empty body": lambda s, boundary: "", "text": lambda s, boundary: "hello",
    "no part": lambda s, boundary: f"--{boundary}--\r\n",
    "another boundary": lambda s, boundary: multipart("batch_other", [changeset([put(s, "t123", entity())])]),
    "a part that is no request": lambda s, boundary: multipart(
        boundary, [("Content-Type: multipart/mixed; boundary=changeset_1",
                    multipart("changeset_1", [("Content-Type: application/http", "hello")]))]),
    "a write in no changeset": lambda s, boundary: multipart(
        boundary, [("Content-Type: application/http", put(s, "t123", entity()).text())])})
def _(s, body):
    boundary = f"batch_{uuid.uuid4()}"
    send_raw(s, f"multipart/mixed; boundary={boundary}", body(s, boundary)).refused(400)


@test("batches: no boundary in the content type")
def _(s):
    body = multipart("batch_1", [changeset([put(s, s.table(), entity())])])
    send_raw(s, "multipart/mixed", body).refused_somehow()


@test("batches: more than 4 MiB", only="storage")
def _(s):
    table = s.table()
    operations = [put(s, table, entity(f"{n:03}", x="a" * 32768, y="a" * 32768)) for n in range(65)]
    send_batch(s, operations).answer.refused(413, "RequestBodyTooLarge")
    expect(s.rows(table), [])


@test("batches: almost 4 MiB", only="storage")
def _(s):
    table = s.table()
    operations = [put(s, table, entity(f"{n:03}", x="a" * 32768, y="a" * 32768)) for n in range(62)]
    send_batch(s, operations).expect_parts(*[204] * 62)


@test("batches: more than 2 MiB", only="cosmos")
def _(s):
    table = s.table()
    operations = [put(s, table, entity(f"{n:03}", x="a" * 32768)) for n in range(70)]
    send_batch(s, operations).answer.expect(400, 413)
    expect(s.rows(table), [])
