"""Shared access signatures: of the account, of a table, and by policies that a table keeps."""

from xml.etree import ElementTree
from xml.sax.saxutils import escape

from .auth import OTHER_KEY
from .batches import delete, insert, put, send_batch
from .client import Sas, entity, expect, hmac_sha256, require, utc
from .suite import test, tests

ALL = "rwdlacu"


def account_sas(s, sp=ALL, ss="t", srt="sco", st=None, se=None, sip=None, spr=None, sv="2019-02-02",
                secret=None, change=lambda text: text):
    se = se or utc(3600)
    lines = [s.account, sp, ss, srt, st or "", se, sip or "", spr or "", sv, ""]
    if sv >= "2020-12-06":
        lines.append("")
    signature = hmac_sha256(secret or s.secret, change("\n".join(lines)))
    return Sas({"sv": sv, "ss": ss, "srt": srt, "sp": sp, "st": st, "se": se, "sip": sip, "spr": spr,
                "sig": signature})


def table_sas(s, table, sp="raud", st=None, se="", si=None, sip=None, spr=None, sv="2019-02-02", spk=None,
              srk=None, epk=None, erk=None, name=None, secret=None):
    """`name` is what is signed, if not the table's in lower case."""
    se = utc(3600) if se == "" else se
    resource = f"/table/{s.account}/{name or table.lower()}"
    lines = [sp, st, se, resource, si, sip, spr, sv, spk, srk, epk, erk]
    signature = hmac_sha256(secret or s.secret, "\n".join(line or "" for line in lines))
    return Sas({"sv": sv, "tn": table, "sp": sp, "st": st, "se": se, "si": si, "sip": sip, "spr": spr, "spk": spk,
                "srk": srk, "epk": epk, "erk": erk, "sig": signature})


# Of the account.



OPERATIONS = {  # each needs a resource type, and permissions
    "list tables": ("c", "l", lambda s, table, sas: s.send("GET", "/Tables", authorize=sas)),
    "create a table": ("c", "c", lambda s, table, sas: s.create(s.new_name(), authorize=sas)),
    "delete a table": ("c", "d", lambda s, table, sas: s.delete_table(table, authorize=sas)),
    "query": ("o", "r", lambda s, table, sas: s.query(table, authorize=sas)),
    "get": ("o", "r", lambda s, table, sas: s.get(table, authorize=sas)),
    "insert": ("o", "a", lambda s, table, sas: s.insert(table, entity("new"), authorize=sas)),
    "upsert by PUT": ("o", "au", lambda s, table, sas: s.put(table, entity("r", x=2), authorize=sas)),
    "upsert by merge": ("o", "au", lambda s, table, sas: s.merge(table, entity("r", x=2), authorize=sas)),
    "update by PUT": ("o", "u", lambda s, table, sas: s.put(table, entity("r", x=2), "*", authorize=sas)),
    "update by merge": ("o", "u", lambda s, table, sas: s.merge(table, entity("r", x=2), "*", authorize=sas)),
    "delete": ("o", "d", lambda s, table, sas: s.delete(table, authorize=sas))}


def table_of_one(s):
    table = s.table()
    s.insert(table, entity(x=1)).expect(201)
    return table


def expect_unchanged(s, table):
    expect([(e["RowKey"], e.get("x")) for e in s.query(table).values], [("r", 1)])


@tests("sas: {} with just what it needs", OPERATIONS, only="storage")
def _(s, resource, permissions, operation):
    answer = operation(s, table_of_one(s), account_sas(s, permissions, srt=resource))
    answer.expect(200, 201, 204)


@tests("sas: {} without its permissions", OPERATIONS, only="storage")
def _(s, resource, permissions, operation):
    table = table_of_one(s)
    for missing in permissions:
        without = {missing, "w"} if permissions == "c" else {missing}
        rest = "".join(letter for letter in ALL if letter not in without)
        operation(s, table, account_sas(s, rest)).refused(403, "AuthorizationPermissionMismatch")
    expect_unchanged(s, table)


@tests("sas: {} without its resource type", OPERATIONS, only="storage")
def _(s, resource, permissions, operation):
    table = table_of_one(s)
    others = "sco".replace(resource, "")
    operation(s, table, account_sas(s, srt=others)).refused(403, "AuthorizationResourceTypeMismatch")
    expect_unchanged(s, table)


@test("sas: write permits creating a table too", only="storage")
def _(s):
    s.create(s.new_name(), authorize=account_sas(s, "w", srt="c")).expect(201)


@tests("sas: the version {}", ["2018-11-09", "2019-02-02", "2020-10-02", "2020-12-06", "2021-12-02"], only="storage")
def _(s, version):
    s.query(table_of_one(s), authorize=account_sas(s, sv=version)).expect(200)


@tests("sas: the version {} with the lines of another", {
    "2020-10-02": ("2020-10-02", lambda text: text + "\n"), "2020-12-06": ("2020-12-06", lambda text: text[:-1]),
    "2021-12-02": ("2021-12-02", lambda text: text[:-1])}, only="storage")
def _(s, version, change):
    s.query(table_of_one(s), authorize=account_sas(s, sv=version, change=change)).refused(403, "AuthenticationFailed")


@test("sas: for other services", only="storage")
def _(s):
    s.query(table_of_one(s), authorize=account_sas(s, ss="bqf")).refused(403, "AuthorizationServiceMismatch")


@test("sas: for several services", only="storage")
def _(s):
    s.query(table_of_one(s), authorize=account_sas(s, ss="bqtf")).expect(200)


TIMES = {"until tomorrow, by the day": {"se": utc(2 * 86400, "%Y-%m-%d")},
         "until later, by the minute": {"se": utc(3600, "%Y-%m-%dT%H:%MZ")},
         "since yesterday, by the day": {"st": utc(-86400, "%Y-%m-%d")},
         "since a while": {"st": utc(-3600)}}
WRONG_TIMES = {"that has expired": {"se": utc(-3600)}, "that is of the future": {"st": utc(3600), "se": utc(7200)},
               "that expired by the day": {"se": utc(-86400, "%Y-%m-%d")}, "of no time": {"se": "garbage"}}


@tests("sas: one {}", TIMES, only="storage")
def _(s, times):
    s.query(table_of_one(s), authorize=account_sas(s, **times)).expect(200)


@tests("sas: one {} is refused", WRONG_TIMES, only="storage")
def _(s, times):
    s.query(table_of_one(s), authorize=account_sas(s, **times)).refused(403, "AuthenticationFailed")


@test("sas: with another key", only="storage")
def _(s):
    s.query(table_of_one(s), authorize=account_sas(s, secret=OTHER_KEY)).refused(403, "AuthenticationFailed")


@tests("sas: {} after the signing", {
    "more permissions": ("sp", ALL), "more resource types": ("srt", "sco"), "a later end": ("se", utc(86400)),
    "an earlier version": ("sv", "2018-11-09"), "no end": ("se", None), "another signature": ("sig", "AAAA"),
    "no signature": ("sig", None)}, only="storage")
def _(s, field, value):
    sas = account_sas(s, "r", srt="o")
    require(sas.fields[field] != value, "not another one")
    sas = Sas(sas.fields | {field: value})
    s.query(table_of_one(s), authorize=sas).refused(403, "AuthenticationFailed")


@test("sas: a plus in the signature has to be escaped", only="storage")
def _(s):
    table = table_of_one(s)
    sas = next(sas for sas in (account_sas(s, se=utc(3600 + n)) for n in range(1000)) if "+" in sas.fields["sig"])
    s.query(table, authorize=sas).expect(200)

    def raw(request):
        sas(request)
        request.query = request.query.replace("%2B", "+")

    s.query(table, authorize=raw).refused(403, "AuthenticationFailed")


@tests("sas: over http with spr={}", {"https": "https", "https,http": "https,http"}, only="storage")
def _(s, protocols):
    answer = s.query(table_of_one(s), authorize=account_sas(s, spr=protocols))
    if s.url.startswith("http:") and protocols == "https":
        answer.refused(403, "AuthorizationProtocolMismatch")
    else:
        answer.expect(200)


@tests("sas: from {}", ["127.0.0.1", "127.0.0.1-127.0.0.9", "126.255.255.255-127.0.0.1", "0.0.0.0-255.255.255.255"],
       only="storage")
def _(s, addresses):
    s.query(table_of_one(s), authorize=account_sas(s, sip=addresses)).expect(200)


@tests("sas: from {} only", ["10.0.0.1", "127.0.0.2-127.0.0.9", "10.0.0.0-10.255.255.255"], only="storage")
def _(s, addresses):
    s.query(table_of_one(s), authorize=account_sas(s, sip=addresses)).refused(403, "AuthorizationSourceIPMismatch")


@test("sas: it needs no date", only="storage")
def _(s):
    s.query(table_of_one(s), headers={"x-ms-date": None}, authorize=account_sas(s)).expect(200)


@test("sas: next to the other query parameters", only="storage")
def _(s):
    found = s.query(table_of_one(s), "x eq 1 and RowKey eq 'r'", "x", 5, authorize=account_sas(s)).values
    expect([e.get("x") for e in found], [1])


def refused_batch(batch):
    """By its status, or by its part."""
    if batch.answer.status != 202:
        batch.answer.expect(403)
    else:
        expect([part.status for part in batch.parts], [403], "parts")


@test("sas: a batch", only="storage")
def _(s):
    table = table_of_one(s)
    operations = [insert(s, table, entity("a")), put(s, table, entity("b")), delete(s, table)]
    send_batch(s, operations, account_sas(s, "dau", srt="o")).expect_parts(204, 204, 204)
    expect(s.rows(table), ["a", "b"])


@tests("sas: a batch without the permission to {}", {
    "insert": "rwdlcu", "upsert": "rwdlac", "delete": "rwlacu", "write": "r"}, only="storage")
def _(s, permissions):
    table = table_of_one(s)
    operations = [insert(s, table, entity("a")), put(s, table, entity("b")), delete(s, table)]
    refused_batch(send_batch(s, operations, account_sas(s, permissions)))
    expect_unchanged(s, table)


@test("sas: the header takes precedence over it or is refused", only="storage")
def _(s):
    table = table_of_one(s)

    def both(request):
        account_sas(s)(request)
        s.authorize(request)

    require(s.query(table, authorize=both).status in (200, 400, 403), "neither")


# Of a table.

TABLE_OPERATIONS = {name: needs for name, needs in OPERATIONS.items() if needs[0] == "o"}


@tests("sas of a table: {} with just what it needs", TABLE_OPERATIONS, only="storage")
def _(s, resource, permissions, operation):
    table = table_of_one(s)
    operation(s, table, table_sas(s, table, permissions)).expect(200, 201, 204)


@tests("sas of a table: {} without its permissions", TABLE_OPERATIONS, only="storage")
def _(s, resource, permissions, operation):
    table = table_of_one(s)
    for missing in permissions:
        operation(s, table, table_sas(s, table, "raud".replace(missing, ""))).refused(403)
    expect_unchanged(s, table)


@tests("sas of a table: no leave to {}", {
    name: needs for name, needs in OPERATIONS.items() if needs[0] == "c"}, only="storage")
def _(s, resource, permissions, operation):
    table = table_of_one(s)
    operation(s, table, table_sas(s, table)).refused(403)
    expect_unchanged(s, table)


@test("sas of a table: another table", only="storage")
def _(s):
    table, other = table_of_one(s), table_of_one(s)
    sas = table_sas(s, other)
    s.query(table, authorize=sas).refused(403)
    s.insert(table, entity("new"), authorize=sas).refused(403)
    s.query(table, authorize=Sas(sas.fields | {"tn": table})).refused(403)
    expect_unchanged(s, table)


@test("sas of a table: its name is signed in lower case", only="storage")
def _(s):
    table = s.new_name("MixedCase")
    s.create(table).expect(201)
    s.query(table, authorize=table_sas(s, table)).expect(200)
    s.query(table, authorize=table_sas(s, table, name=table)).refused(403)


@tests("sas of a table: the version {}", ["2015-04-05", "2018-11-09", "2019-02-02", "2020-12-06", "2021-12-02"],
       only="storage")
def _(s, version):
    table = table_of_one(s)
    s.query(table, authorize=table_sas(s, table, sv=version)).expect(200)


@tests("sas of a table: one {}", TIMES, only="storage")
def _(s, times):
    table = table_of_one(s)
    s.query(table, authorize=table_sas(s, table, **times)).expect(200)


@tests("sas of a table: one {} is refused", WRONG_TIMES, only="storage")
def _(s, times):
    table = table_of_one(s)
    s.query(table, authorize=table_sas(s, table, **times)).refused(403, "AuthenticationFailed")


@test("sas of a table: with another key", only="storage")
def _(s):
    table = table_of_one(s)
    s.query(table, authorize=table_sas(s, table, secret=OTHER_KEY)).refused(403, "AuthenticationFailed")


@test("sas of a table: over http with spr=https", only="storage")
def _(s):
    table = table_of_one(s)
    if s.url.startswith("http:"):
        s.query(table, authorize=table_sas(s, table, spr="https")).refused(403, "AuthorizationProtocolMismatch")
    s.query(table, authorize=table_sas(s, table, spr="https,http")).expect(200)


@test("sas of a table: from some addresses", only="storage")
def _(s):
    table = table_of_one(s)
    s.query(table, authorize=table_sas(s, table, sip="127.0.0.1-127.0.0.9")).expect(200)
    s.query(table, authorize=table_sas(s, table, sip="10.0.0.1")).refused(403, "AuthorizationSourceIPMismatch")


@test("sas of a table: a batch", only="storage")
def _(s):
    table = table_of_one(s)
    operations = [insert(s, table, entity("a")), put(s, table, entity("b")), delete(s, table)]
    send_batch(s, operations, table_sas(s, table, "aud")).expect_parts(204, 204, 204)
    expect(s.rows(table), ["a", "b"])


@test("sas of a table: a batch without its permissions", only="storage")
def _(s):
    table = table_of_one(s)
    operations = [insert(s, table, entity("a")), put(s, table, entity("b")), delete(s, table)]
    for permissions in ("ra", "rad", "rau", "rud"):
        refused_batch(send_batch(s, operations, table_sas(s, table, permissions)))
    expect_unchanged(s, table)


@test("sas of a table: a batch in another table", only="storage")
def _(s):
    table, other = table_of_one(s), s.table()
    refused_batch(send_batch(s, [insert(s, table, entity("a"))], table_sas(s, other)))
    expect_unchanged(s, table)


def sample(s):
    table = s.table()
    for partition, row in KEYS:
        s.insert(table, entity(row, partition)).expect(201)
    return table


KEYS = [("o", "a"), ("p", "a"), ("p", "b"), ("p", "c"), ("q", "a"), ("q", "b")]
RANGES = {
    "a partition": ({"spk": "p", "epk": "p"}, ["pa", "pb", "pc"]),
    "partitions from one on": ({"spk": "p"}, ["pa", "pb", "pc", "qa", "qb"]),
    "partitions up to one": ({"epk": "p"}, ["oa", "pa", "pb", "pc"]),
    "rows of a partition": ({"spk": "p", "srk": "b", "epk": "p", "erk": "b"}, ["pb"]),
    "rows from one on": ({"spk": "p", "srk": "b"}, ["pb", "pc", "qa", "qb"]),
    "rows up to one": ({"epk": "q", "erk": "a"}, ["oa", "pa", "pb", "pc", "qa"]),
    "rows of two partitions": ({"spk": "p", "srk": "c", "epk": "q", "erk": "a"}, ["pc", "qa"])}


@tests("sas of a table: the range of {}, in queries", RANGES, only="storage")
def _(s, bounds, within):
    table = s.once(sample)
    sas = table_sas(s, table, **bounds)
    expect([e["PartitionKey"] + e["RowKey"] for e in s.query(table, authorize=sas).values], within)
    expect([e["PartitionKey"] + e["RowKey"] for e in s.query(table, "RowKey eq 'b'", authorize=sas).values],
           [keys for keys in within if keys[1] == "b"])
    for partition, row in KEYS:
        answer = s.get(table, partition, row, authorize=sas)
        answer.expect(*[200] if partition + row in within else [403, 404])


@tests("sas of a table: the range of {}, in writes", RANGES, only="storage")
def _(s, bounds, within):
    table = s.table()
    sas = table_sas(s, table, **bounds)
    for partition, row in KEYS:
        sent = entity(row, partition)
        allowed = partition + row in within
        for write in (s.insert, s.put, s.merge):
            write(table, sent, authorize=sas).expect(*[201, 204] if allowed else [403])
        if not allowed:
            s.put(table, sent).expect(204)
        s.delete(table, partition, row, authorize=sas).expect(204 if allowed else 403)
    expect([e["PartitionKey"] + e["RowKey"] for e in s.query(table).values],
           [p + r for p, r in KEYS if p + r not in within])


@tests("sas of a table: the bound {} alone is refused", ["srk", "erk"], only="storage")
def _(s, bound):
    table = s.once(sample)
    s.query(table, authorize=table_sas(s, table, **{bound: "a"})).refused_somehow()


@test("sas of a table: keys of all kinds as bounds", only="storage")
def _(s):
    table, text = s.table(), "it's \u00e9+&"
    s.insert(table, entity(text, text)).expect(201)
    sas = table_sas(s, table, "r", spk=text, srk=text, epk=text, erk=text)
    s.get(table, text, text, authorize=sas).expect(200)


# By policies that a table keeps.


FIELDS = ("Start", "Expiry", "Permission")


def set_policies(s, table, policies):
    """The times and the permissions of each policy, by its identifier."""
    text = ""
    for id, fields in policies.items():
        policy = "".join(f"<{name}>{value}</{name}>" for name, value in zip(FIELDS, fields) if value)
        text += f"<SignedIdentifier><Id>{escape(id)}</Id><AccessPolicy>{policy}</AccessPolicy></SignedIdentifier>"
    body = f'<?xml version="1.0" encoding="utf-8"?><SignedIdentifiers>{text}</SignedIdentifiers>'
    return s.send("PUT", f"/{table}", {"comp": "acl"},
                  {"Content-Type": "application/xml", "Accept": "application/xml"}, body)


def policies_of(s, table):
    answer = s.send("GET", f"/{table}", {"comp": "acl"}, {"Accept": "application/xml"}).expect(200)
    require((answer.header("Content-Type") or "").startswith("application/xml"), f"{answer}: no XML")
    root = ElementTree.fromstring(answer.body)
    expect(root.tag, "SignedIdentifiers")
    return {e.findtext("Id"): tuple(e.findtext(f"AccessPolicy/{name}") for name in FIELDS)
            for e in root}


@test("policies: a table has none at first", only="storage")
def _(s):
    expect(policies_of(s, s.table()), {})


@test("policies: they are kept", only="storage")
def _(s):
    table = s.table()
    policies = {"one": (utc(-60), utc(3600), "r"), "two & <three>": (utc(-60), utc(7200), "raud")}
    set_policies(s, table, policies).expect(204)
    found = policies_of(s, table)
    expect({id: fields[2] for id, fields in found.items()}, {"one": "r", "two & <three>": "raud"})
    set_policies(s, table, {"other": (utc(-60), utc(3600), "r")}).expect(204)
    expect(list(policies_of(s, table)), ["other"])
    set_policies(s, table, {}).expect(204)
    expect(policies_of(s, table), {})


@test("policies: five, but not six", only="storage")
def _(s):
    table = s.table()
    five = {f"p{n}": (utc(-60), utc(3600), "r") for n in range(5)}
    set_policies(s, table, five).expect(204)
    set_policies(s, table, five | {"p5": (utc(-60), utc(3600), "r")}).refused(400)
    expect(sorted(policies_of(s, table)), sorted(five))


@test("policies: the length of an identifier", only="storage")
def _(s):
    table = s.table()
    set_policies(s, table, {"i" * 64: (utc(-60), utc(3600), "r")}).expect(204)
    s.query(table, authorize=by_policy(s, table, "i" * 64)).expect(200)
    set_policies(s, table, {"i" * 65: (utc(-60), utc(3600), "r")}).refused(400)


@test("policies: of no table", only="storage")
def _(s):
    s.send("GET", f"/{s.new_name()}", {"comp": "acl"}, {"Accept": "application/xml"}).refused(404)
    set_policies(s, s.new_name(), {}).refused(404)


def by_policy(s, table, id, **fields):
    return table_sas(s, table, **({"sp": None, "se": None} | fields), si=id)


@test("policies: a signature by one", only="storage")
def _(s):
    table = table_of_one(s)
    set_policies(s, table, {"policy one": (utc(-60), utc(3600), "r")}).expect(204)
    sas = by_policy(s, table, "policy one")
    s.query(table, authorize=sas).expect(200)
    s.insert(table, entity("new"), authorize=sas).refused(403)
    set_policies(s, table, {"policy one": (utc(-60), utc(3600), "ra")}).expect(204)
    s.insert(table, entity("new"), authorize=sas).expect(201)
    set_policies(s, table, {}).expect(204)
    s.query(table, authorize=sas).refused(403)


@test("policies: what one leaves out, the signature says", only="storage")
def _(s):
    table = table_of_one(s)
    set_policies(s, table, {"times": (None, utc(3600), None), "permissions": (None, None, "r")}).expect(204)
    s.query(table, authorize=by_policy(s, table, "times", sp="r")).expect(200)
    s.insert(table, entity("new"), authorize=by_policy(s, table, "times", sp="r")).refused(403)
    s.query(table, authorize=by_policy(s, table, "permissions", se=utc(3600))).expect(200)


@test("policies: one that has expired", only="storage")
def _(s):
    table = table_of_one(s)
    set_policies(s, table, {"old": (utc(-7200), utc(-3600), "r")}).expect(204)
    s.query(table, authorize=by_policy(s, table, "old")).refused(403)


@test("policies: an identifier that is not there", only="storage")
def _(s):
    table = table_of_one(s)
    s.query(table, authorize=by_policy(s, table, "none")).refused(403)


@test("policies: what one says, the signature may not", only="storage")
def _(s):
    table = table_of_one(s)
    set_policies(s, table, {"one": (utc(-60), utc(3600), "r")}).expect(204)
    s.query(table, authorize=by_policy(s, table, "one", sp="r")).refused_somehow()
    s.query(table, authorize=by_policy(s, table, "one", se=utc(3600))).refused_somehow()
