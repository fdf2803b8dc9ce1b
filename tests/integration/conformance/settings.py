"""Access policies, service properties, and the rules that these have for browsers."""

from xml.sax.saxutils import escape

from .client import FULL, entity, expect, require
from .sas import account_sas, table_sas
from .suite import test, tests

XML = '\ufeff<?xml version="1.0" encoding="utf-8"?>'
PROPERTIES = {"restype": "service", "comp": "properties"}
STATS = {"restype": "service", "comp": "stats"}


def storage(name):
    return test(f"settings: {name}", only="storage")


def tag(name, *content):
    return f"<{name}>{''.join(content)}</{name}>"


def send(s, method, path, query, body=None, authorize=None, headers=None):
    if body is not None:
        headers = {"Content-Type": "application/xml"} | (headers or {})
    return s.send(method, path, query, headers, body, authorize)


def policy(id, *content):
    return tag("SignedIdentifier", tag("Id", escape(id)), *content)


def set_policies(s, table, *policies):
    return send(s, "PUT", f"/{table}", {"comp": "acl"}, tag("SignedIdentifiers", *policies))


def policies(s, table):
    answer = send(s, "GET", f"/{table}", {"comp": "acl"}).expect(200)
    return answer.text


@storage("a table begins without policies")
def _(s):
    expect(policies(s, s.table()), f"{XML}<SignedIdentifiers />")


@storage("policies come back in the form of the service")
def _(s):
    table = s.table()
    access = tag("AccessPolicy", tag("Permission", "ra"), tag("Expiry", "2042-01-02T03:04:05Z"),
                 tag("Start", "2020-01-02T04:04:05.5+01:00"))
    sent = [tag("SignedIdentifier", access, tag("Id", "a &amp; b")), policy("c", "<AccessPolicy/>"), policy("d")]
    set_policies(s, table, *sent).expect(204)
    normal = tag("AccessPolicy", tag("Start", "2020-01-02T03:04:05.5000000Z"),
                 tag("Expiry", "2042-01-02T03:04:05.0000000Z"), tag("Permission", "ra"))
    expect(policies(s, table), XML + tag("SignedIdentifiers", policy("a & b", normal), policy("c"), policy("d")))


@tests("settings: policies with {} are refused", {
    "six of them": [policy(str(n)) for n in range(6)], "one twice": [policy("a"), policy("a")],
    "no name": [tag("SignedIdentifier")], "a name of 65 characters": [policy("a" * 65)],
    "another permission": [policy("a", tag("AccessPolicy", tag("Permission", "x")))],
    "a name that XML does not have": [tag("SignedIdentifier", tag("Id", "a&#0;b"))],
    "a time of nine digits": [policy("a", tag("AccessPolicy", tag("Expiry", "2042-01-01T01:01:01.000000001Z")))]},
    only="storage")
def _(s, sent):
    table = s.table()
    set_policies(s, table, policy("kept")).expect(204)
    answer = set_policies(s, table, *sent).refused(400, "InvalidXmlDocument")
    expect(answer.header("x-ms-error-code"), "InvalidXmlDocument", "x-ms-error-code")
    expect(policies(s, table), XML + tag("SignedIdentifiers", policy("kept")))


@storage("policies need a body")
def _(s):
    answer = send(s, "PUT", f"/{s.table()}", {"comp": "acl"}, b"").refused(415, "MediaTypeNotSupported")
    expect(answer.header("x-ms-error-code"), "MediaTypeNotSupported", "x-ms-error-code")


@storage("no signature covers policies")
def _(s):
    table = s.table()
    for sas in (account_sas(s), table_sas(s, table)):
        send(s, "GET", f"/{table}", {"comp": "acl"}, authorize=sas).refused(403)
        send(s, "PUT", f"/{table}", {"comp": "acl"}, tag("SignedIdentifiers"), authorize=sas).refused(403)


def set_properties(s, *sections, authorize=None):
    return send(s, "PUT", "/", PROPERTIES, tag("StorageServiceProperties", *sections), authorize)


def properties(s):
    return send(s, "GET", "/", PROPERTIES).expect(200).text


VERSION, OFF, ON = tag("Version", "1.0"), tag("Enabled", "false"), tag("Enabled", "true")
NO_RETENTION = tag("RetentionPolicy", OFF)


def metrics(retention=NO_RETENTION, more=OFF):
    return tag("HourMetrics", VERSION, more, retention)


def rule(origins="*", methods="GET", allowed="", exposed="", age="5"):
    return tag("CorsRule", tag("AllowedOrigins", origins), tag("AllowedMethods", methods),
               tag("AllowedHeaders", allowed), tag("ExposedHeaders", exposed), tag("MaxAgeInSeconds", age))


@storage("a section that is not sent remains")
def _(s):
    logging = tag("Logging", tag("Write", "True"), tag("Read", "False"), tag("Delete", "false"),
                  tag("RetentionPolicy", tag("Days", "5"), ON), VERSION)
    set_properties(s, logging).expect(202)
    set_properties(s, metrics(more=ON + tag("IncludeAPIs", "true")), tag("Cors", rule())).expect(202)
    off = VERSION + OFF + NO_RETENTION
    cors = ("<CorsRule><AllowedMethods>GET</AllowedMethods><AllowedOrigins>*</AllowedOrigins><AllowedHeaders />"
            "<ExposedHeaders /><MaxAgeInSeconds>5</MaxAgeInSeconds></CorsRule>")
    normal = tag("Logging", VERSION, tag("Read", "false"), tag("Write", "true"), tag("Delete", "false"),
                 tag("RetentionPolicy", ON, tag("Days", "5")))
    expect(properties(s), XML + tag("StorageServiceProperties", normal,
                                    metrics(more=ON + tag("IncludeAPIs", "true")), tag("MinuteMetrics", off),
                                    tag("Cors", cors)))
    set_properties(s, metrics(), "<Cors />").expect(202)
    require("<Cors />" in properties(s), "rules remain")


BAD = {
    "a retention of 366 days": metrics(tag("RetentionPolicy", ON, tag("Days", "366"))),
    "a retention of 0 days": metrics(tag("RetentionPolicy", ON, tag("Days", "0"))),
    "a retention without days": metrics(tag("RetentionPolicy", ON)),
    "days without retention": metrics(tag("RetentionPolicy", OFF, tag("Days", "5"))),
    "no retention": metrics(""), "metrics of unknown extent": metrics(more=ON), "an unknown section": tag("Other"),
    "six rules": tag("Cors", rule() * 6), "an unknown method": tag("Cors", rule(methods="GO")),
    "a rule without origins": tag("Cors", rule(origins="")), "a negative age": tag("Cors", rule(age="-1")),
    "half a rule": tag("Cors", tag("CorsRule", tag("AllowedOrigins", "*"))),
    "a size of rules of more than 2 KiB": tag("Cors", *[rule(allowed=",".join(["x" * 250] * 2))] * 5),
    "a character that XML does not have": tag("Cors", rule("https://a&#0;.example")),
}


@tests("settings: {} is refused", BAD, only="storage")
def _(s, section):
    before = properties(s)
    answer = set_properties(s, section).refused(400, "InvalidXmlDocument")
    expect(answer.header("x-ms-error-code"), "InvalidXmlDocument", "x-ms-error-code")
    expect(properties(s), before)


@storage("tags do not count in the size of rules")
def _(s):
    try:
        with_rules(s, *[rule(allowed="x" * 250, exposed="y" * 140)] * 5)
    finally:
        with_rules(s)


@storage("signatures for the account's services")
def _(s):
    send(s, "GET", "/", PROPERTIES, authorize=account_sas(s, "r", srt="s")).expect(200)
    send(s, "GET", "/", PROPERTIES, authorize=account_sas(s, "w", srt="s")).refused(403)
    send(s, "GET", "/", PROPERTIES, authorize=account_sas(s, "r", srt="co")).refused(403)
    set_properties(s, "<Cors />", authorize=account_sas(s, "w", srt="s")).expect(202)
    set_properties(s, "<Cors />", authorize=account_sas(s, "r", srt="s")).refused(403)


@storage("the headers of responses")
def _(s):
    table = s.table()
    own = {"content-type", "x-ms-request-id", "x-ms-version"}
    ignored = {"connection", "content-length", "date", "keep-alive", "server"}
    for answer, names in ((send(s, "GET", f"/{table}", {"comp": "acl"}), own),
                          (set_policies(s, table), own - {"content-type"}),
                          (send(s, "GET", "/", PROPERTIES), own), (set_properties(s, "<Cors />"), own - {"content-type"}),
                          (set_properties(s, tag("Other")), own | {"x-ms-error-code"})):
        expect({name.lower() for name in answer.headers.keys()} - ignored, names, "headers")


# Browsers.


def with_rules(s, *rules):
    set_properties(s, tag("Cors", *rules)).expect(202)


def preflight(s, origin="https://a.example", method="PUT", names=None):
    headers = {"Origin": origin, "Access-Control-Request-Method": method, "Access-Control-Request-Headers": names}
    return s.send("OPTIONS", f"/{s.new_name()}", headers=headers, authorize=lambda request: None)


def allowed(answer):
    return {name[len("access-control-"):].lower(): value for name, value in answer.headers.items()
            if name.lower().startswith("access-control-")}


@storage("a browser asks first")
def _(s):
    try:
        with_rules(s, rule("https://a.example,https://b.example", "PUT,GET", "x-ms-date,x-ms-meta-*", "", "60"))
        answer = preflight(s, names="X-MS-Date,x-ms-meta-a").expect(200)
        expect(allowed(answer), {"allow-origin": "https://a.example", "allow-methods": "PUT", "max-age": "60",
                                 "allow-headers": "X-MS-Date,x-ms-meta-a", "allow-credentials": "true"})
        preflight(s, "https://b.example", "GET").expect(200)
        for refused in (preflight(s, "https://c.example"), preflight(s, "https://A.example"),
                        preflight(s, method="DELETE"), preflight(s, names="x-ms-date,other")):
            refused.refused(403, "CorsPreflightFailure")
        preflight(s, None).refused(400)
        preflight(s, method=None).refused(400)
    finally:
        with_rules(s)
    preflight(s).refused(403, "CorsPreflightFailure")


@storage("the first rule for the origin and the method decides")
def _(s):
    try:
        with_rules(s, rule("https://a.example", "PUT", "x-a"), rule("*", "GET,PUT", "x-b"),
                   rule("https://a.example", "GET", "x-c"))
        for origin, method, name, status in (("a", "PUT", "x-a", 200), ("a", "PUT", "x-b", 403), ("b", "PUT", "x-b", 200),
                                             ("a", "GET", "x-b", 200), ("a", "GET", "x-c", 403)):
            preflight(s, f"https://{origin}.example", method, name).expect(status)
    finally:
        with_rules(s)


@storage("responses say which pages may see them")
def _(s):
    table = s.table()
    try:
        with_rules(s, rule("https://a.example", "GET", "", "x-ms-version"), rule("*", "PUT", "", "*"))
        get = {origin: s.query(table, headers={"Origin": origin}).expect(200)
               for origin in ("https://a.example", "https://b.example", None)}
        expect(allowed(get["https://a.example"]), {"allow-origin": "https://a.example", "allow-credentials": "true",
                                                   "expose-headers": "x-ms-version"})
        expect(allowed(get["https://b.example"]), {})
        for answer in get.values():
            expect(answer.header("Vary"), "Origin", "Vary")
        put = s.send("PUT", s.path_of(table, entity()), headers={"Origin": "https://b.example"}, body=entity())
        expect(allowed(put.expect(204))["allow-origin"], "*")
        require("ETag" in allowed(put)["expose-headers"].split(","), put)
        expect(put.header("Vary"), None, "Vary")
    finally:
        with_rules(s)
    answer = s.query(table, headers={"Origin": "https://a.example"})
    expect((allowed(answer), answer.header("Vary")), ({}, None))


EXPOSED = ("x-ms-request-id,x-ms-client-request-id,Server,x-ms-version,X-Content-Type-Options,Cache-Control,{}"
           "Content-Type,Content-Length,Date,Transfer-Encoding")


@storage("a read without an origin may be cached for every page")
def _(s):
    table = s.table()
    written = entity()
    s.insert(table, written).expect(201)
    try:
        with_rules(s, rule("https://a.example", "GET", "", "*"), rule("*", "GET,PUT", "", "*"))
        id = {"x-ms-client-request-id": "one"}
        for answer, more in ((s.query(table, headers=id), ""), (s.get(table, headers=id), "ETag,")):
            expect(allowed(answer.expect(200)), {"allow-origin": "*", "expose-headers": EXPOSED.format(more)})
            expect(answer.header("Vary"), None, "Vary")
        policies = send(s, "GET", f"/{table}", {"comp": "acl"}, headers=id).expect(200)
        expect(allowed(policies)["expose-headers"], "x-ms-request-id,x-ms-client-request-id,Server,x-ms-version,"
               "Content-Length,Date,Transfer-Encoding", "Access-Control-Expose-Headers")
        put = s.send("PUT", s.path_of(table, written), body=written).expect(204)
        expect((allowed(put), put.header("Vary")), ({}, None))
        with_rules(s, rule("*", "PUT"))
        for origin in ("https://a.example", None):
            answer = s.query(table, headers={"Origin": origin}).expect(200)
            expect((allowed(answer), answer.header("Vary")), ({}, "Origin"))
    finally:
        with_rules(s)


@test("settings: a browser cannot ask Cosmos", only="cosmos")
def _(s):
    preflight(s).expect(501)


@tests("settings: {} is not supported in Cosmos", {
    "reading policies": lambda s: send(s, "GET", f"/{s.table()}", {"comp": "acl"}),
    "writing policies": lambda s: set_policies(s, s.table()),
    "reading properties": lambda s: send(s, "GET", "/", PROPERTIES),
    "writing properties": lambda s: set_properties(s, "<Cors />"),
    "reading statistics": lambda s: send(s, "GET", "/", STATS)}, only="cosmos")
def _(s, run):
    answer = run(s).expect(501)
    expect(answer.error[0], "NotImplemented", "code")
    require(answer.error[1].startswith("The requested operation is not supported.\r\nActivityId: "), answer)
    # JSON, though XML was asked for.
    expect((answer.header("Content-Type") or "").replace(" ", ""), FULL, "Content-Type")
