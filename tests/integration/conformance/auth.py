"""Signatures with the account's key, and the responses to requests without a valid one."""

import base64
import hashlib
import json
from email.utils import formatdate
from time import time
from urllib.parse import unquote

from .batches import put, send_batch
from .client import FULL, NONE, SharedKey, entity, expect, expect_match, key, require, unauthorized
from .suite import test, tests

SCHEMES = {"SharedKey": False, "SharedKeyLite": True}
OTHER_KEY = base64.b64encode(b"another key, of the same length as the account's, or almost so..").decode()
NEWER = {"x-ms-version": "2020-12-06"}


def signed(s, lite=False, change=lambda text: text):
    return SharedKey(s.account, s.secret, lite, change)


def denied(answer, *codes):
    """Cosmos' codes are unknown."""
    if answer.service.mode == "storage":
        return answer.refused(403, *codes or ["AuthenticationFailed"])
    return answer.expect(401, 403)


@tests("auth: {}", SCHEMES)
def _(s, lite):
    table, sign = s.table(), signed(s, lite)
    s.create(s.new_name(), authorize=sign).expect(201)
    s.insert(table, entity("it's", "\u00e9 /&=+%".replace("/", "|"), x=1), authorize=sign).expect(201)
    sent = entity("it's", "\u00e9 |&=+%", x=2)
    s.put(table, sent, authorize=sign).expect(204)
    s.merge(table, sent, "*", authorize=sign).expect(204)
    s.get(table, sent["PartitionKey"], "it's", authorize=sign).expect(200)
    found = s.query(table, "x ge 1 and RowKey eq 'it''s'", "x", 5, authorize=sign).values
    expect([e.get("x") for e in found], [2])
    s.delete(table, sent["PartitionKey"], "it's", authorize=sign).expect(204)


@tests("auth: {} of a batch", SCHEMES)
def _(s, lite):
    send_batch(s, [put(s, s.table(), entity())], signed(s, lite)).expect_parts(204)


@tests("auth: {} with comp", SCHEMES, only="storage")
def _(s, lite):
    table, headers = s.table(), {"Accept": "application/xml"}
    s.send("GET", f"/{table}", {"comp": "acl"}, headers, authorize=signed(s, lite)).expect(200)
    denied(s.send("GET", f"/{table}", {"comp": "acl"}, headers,
                  authorize=signed(s, lite, lambda text: text.removesuffix("?comp=acl"))))


@tests("auth: {} with comp after another parameter", SCHEMES, only="storage")
def _(s, lite):
    answer = s.send("GET", "/", {"restype": "service", "comp": "properties"}, {"Accept": "application/xml"},
                    authorize=signed(s, lite)).expect(200)
    require((answer.header("Content-Type") or "").startswith("application/xml"), f"{answer}: no XML")


@test("auth: SharedKey with parameters in the content type")
def _(s):
    table = s.table()
    for i, content_type in enumerate((NONE, FULL, "application/json; charset=utf-8")):
        s.insert(table, entity(str(i)), {"Content-Type": content_type}).expect(201)


@test("auth: SharedKey with Content-MD5")
def _(s):
    table, body = s.table(), json.dumps(entity()).encode()
    md5 = base64.b64encode(hashlib.md5(body).digest()).decode()
    s.insert(table, body, {"Content-MD5": md5}).expect(201)
    denied(s.insert(table, body, {"Content-MD5": md5}, signed(s, change=lambda text: text.replace(md5, ""))))


@tests("auth: {} of the escapes as they are on the wire", SCHEMES)
def _(s, lite):
    table = s.table()
    s.insert(table, entity("a b", "it's")).expect(201)
    for keys in (key("it's", "a b"), "(PartitionKey='it''s',RowKey='a%20b')",
                 "%28PartitionKey%3D%27it%27%27s%27%2CRowKey%3D%27a%20b%27%29"):
        s.send("GET", f"/{table}{keys}", authorize=signed(s, lite)).expect(200)
        denied(s.send("GET", f"/{table}{keys}", authorize=signed(s, lite, unquote)))


@tests("auth: {} of T and of T() differ", SCHEMES)
def _(s, lite):
    table = s.table()
    denied(s.query(table, authorize=signed(s, lite, lambda text: text.replace("()", ""))))


@tests("auth: {} signs no query", SCHEMES)
def _(s, lite):
    denied(s.query(s.table(), top=1, authorize=signed(s, lite, lambda text: text + "?$top=1")))


@tests("auth: {} ends in no line feed", SCHEMES)
def _(s, lite):
    denied(s.query(s.table(), authorize=signed(s, lite, lambda text: text + "\n")))


@tests("auth: {} has the account twice, with one in the path", SCHEMES, only="storage")
def _(s, lite):
    twice, once = f"/{s.account}{s.base}/", f"{s.base}/"
    if twice != once and s.base:
        denied(s.query(s.table(), authorize=signed(s, lite, lambda text: text.replace(twice, once))))


@test("auth: SharedKey of another verb")
def _(s):
    denied(s.query(s.table(), authorize=signed(s, change=lambda text: text.replace("GET", "PUT"))))


@test("auth: SharedKey of another content type")
def _(s):
    table = s.table()
    denied(s.insert(table, entity(), authorize=signed(
        s, change=lambda text: text.replace("application/json", "application/xml"))))
    expect(s.rows(table), [])


@tests("auth: {} with another key", SCHEMES)
def _(s, lite):
    table, other = s.table(), SharedKey(s.account, OTHER_KEY, lite)
    denied(s.query(table, authorize=other))
    denied(s.insert(table, entity(), authorize=other))
    denied(s.create(s.new_name(), authorize=other))
    expect(s.rows(table), [])


@test("auth: another account")
def _(s):
    denied(s.query(s.table(), authorize=SharedKey("other" + s.account[:10], s.secret)))


def header(text):
    def authorize(request):
        request.headers["Authorization"] = text

    return authorize


@tests("auth: {} authorizes nothing", {
    "a signature that is none": "SharedKey {account}:garbage", "an empty signature": "SharedKey {account}:",
    "no signature": "SharedKey {account}", "no account": "SharedKey :abc="})
def _(s, text):
    answer = s.query(s.table(), authorize=header(text.format(account=s.account)))
    require(answer.status in (400, 401, 403), answer)


@test("auth: a signature of another request")
def _(s):
    table, other = s.table(), s.table()
    denied(s.query(table, authorize=signed(s, change=lambda text: text.replace(table, other))))


@test("auth: none, with an older version", only="storage")
def _(s):
    answer = s.query(s.table(), authorize=unauthorized).refused(403, "AuthenticationFailed")
    expect(answer.header("WWW-Authenticate"), None, "WWW-Authenticate")


@test("auth: none, with a newer version", only="storage")
def _(s):
    answer = s.query(s.table(), headers=NEWER, authorize=unauthorized).refused(401, "NoAuthenticationInformation")
    expect_match(r"Bearer .*authorization_uri=\S+/oauth2/authorize.* resource_id=https://storage\.azure\.com",
                 answer.header("WWW-Authenticate"), "WWW-Authenticate")


@test("auth: none", only="cosmos")
def _(s):
    s.query(s.table(), authorize=unauthorized).expect(401, 403)


@test("auth: none, for a write")
def _(s):
    table = s.table()
    s.insert(table, entity(), authorize=unauthorized).expect(401, 403)
    s.delete_table(table, authorize=unauthorized).expect(401, 403)
    expect(s.rows(table), [])


@test("auth: a bad signature with a newer version", only="storage")
def _(s):
    s.query(s.table(), headers=NEWER, authorize=SharedKey(s.account, OTHER_KEY)).refused(403, "AuthenticationFailed")


def at(seconds_from_now):
    return formatdate(time() + seconds_from_now, usegmt=True)


@tests("auth: a date of {}", {
    "10 minutes ago": at(-600), "14 minutes ago": at(-14 * 60), "in 10 minutes": at(600)})
def _(s, date):
    s.query(s.table(), headers={"x-ms-date": date}).expect(200)


@tests("auth: a date {}", {
    "of 16 minutes ago": at(-16 * 60), "of yesterday": at(-86400), "in 17 minutes": at(17 * 60),
    "that is none": "yesterday", "that is empty": ""})
def _(s, date):
    denied(s.query(s.table(), headers={"x-ms-date": date}))


@test("auth: no date")
def _(s):
    denied(s.query(s.table(), headers={"x-ms-date": None}))


@test("auth: Date in place of x-ms-date")
def _(s):
    s.query(s.table(), headers={"x-ms-date": None, "Date": at(0)}).expect(200)


@test("auth: Date is too old as well")
def _(s):
    denied(s.query(s.table(), headers={"x-ms-date": None, "Date": at(-16 * 60)}))


@test("auth: the same in Date and in x-ms-date")
def _(s):
    date = at(0)
    s.query(s.table(), headers={"x-ms-date": date, "Date": date}).expect(200)


@test("auth: x-ms-date takes precedence over Date", only="storage")
def _(s):
    table = s.table()
    s.query(table, headers={"Date": at(-60)}).expect(200)
    s.query(table, headers={"Date": at(-3600)}).expect(200)
    denied(s.query(table, headers={"x-ms-date": at(-3600), "Date": at(0)}))


@tests("auth: the version {}", ["2019-02-02", "2020-12-06"])
def _(s, version):
    s.query(s.table(), headers={"x-ms-version": version}).expect(200)


@tests("auth: the version {} is refused", ["garbage", "1999-01-01"], only="storage")
def _(s, version):
    s.query(s.table(), headers={"x-ms-version": version}).refused(400, "InvalidHeaderValue")
