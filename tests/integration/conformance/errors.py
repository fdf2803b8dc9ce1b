"""The form of responses: the headers, and the shapes of errors."""

import re
import uuid
from xml.etree import ElementTree

from .auth import OTHER_KEY
from .batches import put, send_batch
from .client import FULL, MINIMAL, NONE, SharedKey, entity, expect, expect_match, require
from .sas import account_sas, table_sas
from .suite import test, tests

GUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,7}Z"


def missing_entity(s, headers=None):
    return s.get(s.table(), headers=headers).expect(404)


def missing_table(s, headers=None):
    return s.query(s.new_name(), headers=headers).expect(404)


def entity_exists(s, headers=None):
    table = s.table()
    s.insert(table, entity()).expect(201)
    return s.insert(table, entity(), headers).expect(409)


def table_exists(s, headers=None):
    return s.create(s.table(), headers).expect(409)


def no_filter(s, headers=None):
    return s.query(s.table(), "a eq", headers=headers).expect(400)


def wrong_type(s, headers=None):
    return s.insert(s.table(), entity(a=[]), headers).expect(400)


def malformed(s, headers=None):
    return s.insert(s.table(), "{", headers).expect(400)


def stale(s, headers=None):
    table = s.table()
    etag = s.put(table, entity()).expect(204).etag
    s.put(table, entity(a=1)).expect(204)
    return s.put(table, entity(a=2), etag).expect(412)


def delete_without_etag(s, headers=None):
    return s.delete(s.table(), etag=None).expect(400)


def bad_table_name(s, headers=None):
    return s.create("a/b", headers).refused_somehow()


FAILURES = {"a missing entity": missing_entity, "a missing table": missing_table,
            "an entity that exists": entity_exists, "a table that exists": table_exists,
            "no filter": no_filter, "a wrong type": wrong_type, "malformed JSON": malformed,
            "a stale ETag": stale, "a delete without ETag": delete_without_etag, "a table's name": bad_table_name}


def message_of(answer):
    error = answer.json.get("odata.error", {})
    expect(set(error), {"code", "message"}, "members")
    expect(set(error["message"]), {"lang", "value"}, "members")
    return error["code"], error["message"]["lang"], error["message"]["value"]


@tests("errors: the body, for {}", FAILURES, only="storage")
def _(s, fail):
    answer = fail(s)
    code, language, text = message_of(answer)
    expect_match(r"\w+", code, "code")
    expect(language, "en-US", "language")
    expect_match(rf"[^\n]+\nRequestId:{GUID}\nTime:{TIME}", text, "message")
    require(f"RequestId:{answer.header('x-ms-request-id')}\n" in text, f"{answer}: another RequestId")


@tests("errors: the content type, for {}", FAILURES, only="storage")
def _(s, fail):
    expect_match(r"application/json;odata=minimalmetadata;streaming=true;charset=utf-8",
                 fail(s).header("Content-Type"), "Content-Type")


@tests("errors: the body of Cosmos, for {}", FAILURES, only="cosmos")
def _(s, fail):
    answer = fail(s)
    code, language, text = message_of(answer)
    expect_match(r"\w+", code, "code")
    expect(language, "en-us", "language")
    expect_match(rf".+\nRequestID:{GUID}\n", text, "message")
    expect_match(r"application/json; ?odata=(full|minimal)metadata.*", answer.header("Content-Type"), "Content-Type")
    expect(answer.header("x-ms-error-code"), None, "x-ms-error-code")


@tests("errors: JSON at {} metadata too", {"full": FULL, "none": NONE})
def _(s, accept):
    answer = missing_entity(s, {"Accept": accept})
    message_of(answer)
    content_type = (answer.header("Content-Type") or "").replace(" ", "")
    require(content_type.startswith(accept), f"{answer}: {content_type}")


@tests("errors: {} is refused by the gateway or behind it", FAILURES, only="cosmos")
def _(s, fail):
    by_gateway = fail(s).status not in (404, 409, 412)
    text = message_of(fail(s))[2]
    activity = rf"\r\nActivityId: {GUID}, documentdb-dotnet-sdk/[^\n]*" if by_gateway else ""
    expect_match(rf"[^\r\n]+{activity}\nRequestID:{GUID}\n", text, "message")


@tests("errors: the level of {}, in the content type", {
    "a query": no_filter, "an insert": entity_exists, "a table to create": table_exists}, only="storage")
def _(s, fail):
    for level in (NONE, MINIMAL):
        expect(fail(s, {"Accept": level}).header("Content-Type"), f"{level};streaming=true;charset=utf-8")


def delete_with_xml(s):
    return s.send("DELETE", s.path_of(s.table(), entity()), headers={"Accept": "application/xml", "If-Match": "*"})


@test("errors: JSON, where XML was asked for", only="cosmos")
def _(s):
    answer = delete_with_xml(s).refused(404, "ResourceNotFound")
    expect_match(r"application/json; ?odata=fullmetadata", answer.header("Content-Type"), "Content-Type")
    message_of(answer)


@test("errors: of a bad signature, in Cosmos", only="cosmos")
def _(s):
    table = s.table()
    answer = s.query(table, authorize=SharedKey(s.account, OTHER_KEY)).expect(403)
    code, _, text = message_of(answer)
    expect(code, "Forbidden", "code")
    signed = "\n".join(["GET", "", "", answer.request.header("x-ms-date"), f"/{s.account}{answer.request.path}"])
    require(f"Server used the following payload to sign: '{signed}'\r\nActivityId: " in text, answer)


COSMOS_MESSAGES = {
    "a missing entity": (missing_entity, "ResourceNotFound", "The specified resource does not exist."),
    "a missing table": (missing_table, "ResourceNotFound", "The specified resource does not exist."),
    "a table that exists": (table_exists, "TableAlreadyExists", "The specified table already exists."),
    "an entity that exists": (entity_exists, "EntityAlreadyExists", "The specified entity already exists."),
    "a stale ETag": (stale, "UpdateConditionNotSatisfied",
                     "The update condition specified in the request was not satisfied."),
    "no filter": (no_filter, "InvalidInput", "Request url is invalid."),
}


@tests("errors: the message in Cosmos, for {}", COSMOS_MESSAGES, only="cosmos")
def _(s, fail, code, message):
    found = message_of(fail(s))
    expect((found[0], re.split(r"\r?\n", found[2])[0]), (code, message))


MESSAGES = {
    "a name that is too long": (lambda s: s.insert(s.table(), entity(**{"a" * 256: 1})),
                                "The property name exceeds the maximum allowed length (255)."),
    "a table's name": (lambda s: s.create("a/b"), "The specifed resource name contains invalid characters."),
    "a missing key": (lambda s: s.insert(s.table(), {"PartitionKey": "p"}),
                      "The values are not specified for all properties in the entity."),
    "a missing entity": (missing_entity, "The specified resource does not exist."),
    "a missing table": (missing_table, "The table specified does not exist."),
    "a table that exists": (table_exists, "The table specified already exists."),
    "an entity that exists": (entity_exists, "The specified entity already exists."),
    "a stale ETag": (stale, "The update condition specified in the request was not satisfied."),
}


@tests("errors: the message, for {}", MESSAGES, only="storage")
def _(s, fail, message):
    expect(message_of(fail(s))[2].partition("\n")[0], message, "message")


@tests("errors: no x-ms-error-code, for {}", {
    name: FAILURES[name] for name in ("a missing entity", "an entity that exists", "a stale ETag")}, only="storage")
def _(s, fail):
    expect(fail(s).header("x-ms-error-code"), None, "x-ms-error-code")


@test("errors: of a bad signature", only="storage")
def _(s):
    answer = s.query(s.table(), authorize=SharedKey(s.account, OTHER_KEY)).expect(403)
    expect(answer.header("x-ms-error-code"), "AuthenticationFailed", "x-ms-error-code")
    require((answer.header("Content-Type") or "").startswith("application/json"), f"{answer}: no JSON")
    code, language, text = message_of(answer)
    expect((code, language), ("AuthenticationFailed", "en-US"))
    expect_match(rf".+\nRequestId:{GUID}\nTime:{TIME}", text, "message")


@tests("errors: of {}", {
    "a missing permission": (lambda s, table: s.query(table, authorize=account_sas(s, "a")),
                             "AuthorizationPermissionMismatch", " using this permission"),
    "a row out of range": (lambda s, table: s.insert(table, entity(), authorize=table_sas(
        s, table, spk="q", srk="q", epk="q", erk="q")), "AuthorizationFailure", "")}, only="storage")
def _(s, fail, code, more):
    answer = fail(s, s.table()).expect(403)
    expect(answer.header("x-ms-error-code"), None, "x-ms-error-code")
    expect(answer.header("Content-Type"), "application/json;odata=minimalmetadata;streaming=true;charset=utf-8")
    expect(message_of(answer)[:2], (code, "en-US"))
    expect(message_of(answer)[2].partition("\n")[0],
           f"This request is not authorized to perform this operation{more}.", "message")


@test("errors: XML, where no JSON is accepted", only="storage")
def _(s):
    answer = s.query(s.table(), headers={"Accept": None}).expect(415)
    require("xml" in (answer.header("Content-Type") or ""), f"{answer}: no XML")
    namespace = "{http://schemas.microsoft.com/ado/2007/08/dataservices/metadata}"
    root = ElementTree.fromstring(answer.body)
    expect(root.tag, f"{namespace}error")
    expect(root.findtext(f"{namespace}code"), "AtomFormatNotSupported")
    expect_match(rf".+\nRequestId:{GUID}\nTime:{TIME}", root.findtext(f"{namespace}message"), "message")
    expect(root.find(f"{namespace}message").get("{http://www.w3.org/XML/1998/namespace}lang"), "en-US", "language")


@test("errors: in a batch", only="storage")
def _(s):
    part = send_batch(s, [put(s, s.table(), entity(), "*")]).refused(0, 404, "ResourceNotFound")
    _, language, text = message_of(part)
    expect(language, "en-US", "language")
    expect_match(rf"[^\n]+\nRequestId:{GUID}\nTime:{TIME}", text, "message")
    expect_match(r"application/json;odata=minimalmetadata;streaming=true;charset=utf-8", part.header("Content-Type"),
                 "Content-Type")


def successes(s):
    table = s.table()
    yield s.create(s.new_name())
    yield s.insert(table, entity("it's"))
    yield s.put(table, entity())
    yield s.merge(table, entity())
    yield s.get(table)
    yield s.query(table)
    yield s.send("GET", "/Tables")
    yield s.delete(table)


@test("headers: of all responses", only="storage")
def _(s):
    identifiers = set()
    for answer in [*successes(s), missing_entity(s), entity_exists(s)]:
        expect_match(GUID, answer.header("x-ms-request-id"), "x-ms-request-id")
        expect_match(r"\d{4}-\d\d-\d\d", answer.header("x-ms-version"), "x-ms-version")
        expect_match(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", answer.header("Date"), "Date")
        identifiers.add(answer.header("x-ms-request-id"))
    expect(len(identifiers), 10, "different x-ms-request-ids")


@test("headers: the client's request id comes back", only="storage")
def _(s):
    for id in (str(uuid.uuid4()), "any text"):
        answer = s.query(s.table(), headers={"x-ms-client-request-id": id}).expect(200)
        expect(answer.header("x-ms-client-request-id"), id)


@test("headers: extra headers that clients send")
def _(s):
    headers = {"MaxDataServiceVersion": "3.0;NetFx", "User-Agent": "conformance",
               "x-ms-return-client-request-id": "true"}
    expect(s.query(s.table(), more={"timeout": 10}, headers=headers).values, [])


@test("headers: the connection stays open")
def _(s):
    table = s.table()
    socket = s.connection.sock
    for answer in (s.get(table), s.query(table, "a eq"), s.insert(table, "{"), s.query(table)):
        require(answer.header("Connection") != "close", answer)
    require(socket is not None and s.connection.sock is socket, "another connection")


@tests("headers: {} names its content", {"get": "get", "query": "query"})
def _(s, operation):
    table = s.table()
    s.insert(table, entity()).expect(201)
    answer = getattr(s, operation)(table, headers={"Accept": MINIMAL}).expect(200)
    require((answer.header("Content-Type") or "").startswith("application/json"), answer)
