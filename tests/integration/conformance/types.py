"""Properties of each type: what may be sent, and what comes back."""

import base64
import json
import math

from .client import NONE, entity, expect, require, typed
from .suite import test, tests

INT32_MIN, INT32_MAX = -2**31, 2**31 - 1
INT64_MIN, INT64_MAX = -2**63, 2**63 - 1
GUID = "0f8fad5b-d9cb-469f-a165-70867728950e"


def round_trip(s, properties):
    """The properties that come back, for each way of writing them; the same every time."""
    table = s.table()
    body = json.dumps(entity() | properties) if isinstance(properties, dict) else properties
    s.insert(table, body).expect(201)
    found = s.get(table).own
    s.put(table, entity()).expect(204)
    for write in ("PUT", "POST"):
        headers = {"X-HTTP-Method": "MERGE"} if write == "POST" else {}
        s.send(write, s.path_of(table, entity()), headers=headers, body=body).expect(204)
        same(s.get(table).own, found)
        s.put(table, entity()).expect(204)
    return found


def same(actual, expected):
    """Equal, down to the types and the sign of zero."""
    expect(json.dumps(actual, sort_keys=True), json.dumps(expected, sort_keys=True))


@tests("types: String {}", {
    "that is empty": "", "of ASCII": "text", "of quotes and backslashes": "\"'\\\\\"/", "of Latin": "\u00e9\u00df",
    "of Japanese": "\u65e5\u672c\u8a9e", "of emoji": "\U0001f600\U0001f468\u200d\U0001f469",
    "of control characters": "\t\n\r\x01\x1f\x7f", "of line separators": "\u2028\u2029",
    "of JSON": '{"a":[1,"b"]}', "like a time": "2020-01-01T00:00:00Z", "like a guid": GUID, "like a number": "5",
    "of white space": "  a  ", "like HTML": "<b>&amp;</b>"})
def _(s, text):
    same(round_trip(s, {"a": text}), {"a": text})
    same(round_trip(s, typed("a", "String", text)), {"a": text})


@test("types: String in raw UTF-8")
def _(s):
    text = "\u00e9\u65e5\U0001f600"
    table = s.table()
    s.insert(table, json.dumps(entity(a=text), ensure_ascii=False)).expect(201)
    same(s.get(table).own, {"a": text})


@tests("types: {} comes back as it is", {
    "Int32 0": 0, "Int32 -1": -1, "Int32 2147483647": INT32_MAX, "Int32 -2147483648": INT32_MIN,
    "Double 1.5": 1.5, "Double -0.1": -0.1, "Double 5.0": 5.0, "Double 0.30000000000000004": 0.1 + 0.2,
    "Double 1e+100": 1e100, "Double 1.7976931348623157e+308": 1.7976931348623157e308,
    "Double 5e-324": 5e-324, "Double 123456789.123": 123456789.123,
    "Boolean true": True, "Boolean false": False})
def _(s, value):
    same(round_trip(s, {"a": value}), {"a": value})


@tests("types: {}, annotated", {
    "Int32 5": ("Int32", 5), "Int32 2147483647": ("Int32", INT32_MAX), "Int32 -2147483648": ("Int32", INT32_MIN),
    "Double 1.5": ("Double", 1.5), "Double 1e+300": ("Double", 1e300), "Double -1e-300": ("Double", -1e-300),
    "Boolean true": ("Boolean", True), "Boolean false": ("Boolean", False)})
def _(s, edm, value):
    same(round_trip(s, typed("a", edm, value)), {"a": value})


@tests("types: Double {} comes back as a Double", {"5": ("5", 5.0), "-7": ("-7", -7.0), "0": ("0", 0.0),
                                                   "1e3": ("1e3", 1000.0), "5E0": ("5E0", 5.0),
                                                   "-0.0": ("-0.0", -0.0)})
def _(s, text, value):
    found = round_trip(s, '{"PartitionKey":"p","RowKey":"r","a@odata.type":"Edm.Double","a":%s}' % text)
    require(isinstance(found.get("a"), float), f"{found} is no Double")
    same(found, {"a": value})
    expect(math.copysign(1, found["a"]), math.copysign(1, value), "sign")


@test("types: 5E0 is a Double without annotation too")
def _(s):
    same(round_trip(s, '{"PartitionKey":"p","RowKey":"r","a":5E0}'), {"a": 5.0})


ANNOTATED = {
    "Double NaN": ("Double", "NaN"), "Double Infinity": ("Double", "Infinity"),
    "Double -Infinity": ("Double", "-Infinity"), "Int64 0": ("Int64", "0"), "Int64 -1": ("Int64", "-1"),
    "Int64 9223372036854775807": ("Int64", str(INT64_MAX)), "Int64 -9223372036854775808": ("Int64", str(INT64_MIN)),
    "Int64 9007199254740993": ("Int64", "9007199254740993"), "Guid": ("Guid", GUID),
    "Guid of zeros": ("Guid", "00000000-0000-0000-0000-000000000000"), "Binary that is empty": ("Binary", ""),
    "Binary of 1 byte": ("Binary", "/w=="), "Binary of 2 bytes": ("Binary", "+/8="),
    "Binary of 3 bytes": ("Binary", "AAH/"),
    "Binary of all bytes": ("Binary", base64.b64encode(bytes(range(256))).decode()),
    "DateTime of 7 digits": ("DateTime", "2020-01-02T03:04:05.1234567Z"),
    "DateTime, the last": ("DateTime", "9999-12-31T23:59:59.9999999Z"),
    "DateTime of a leap day": ("DateTime", "2020-02-29T23:59:59.0000001Z")}


@tests("types: {} comes back with its type", ANNOTATED)
def _(s, edm, value):
    same(round_trip(s, typed("a", edm, value)), typed("a", edm, value))


@test("types: a Guid is one in upper case too")
def _(s):
    found = round_trip(s, typed("a", "Guid", GUID.upper()))
    expect((found.get("a@odata.type"), found.get("a", "").lower()), ("Edm.Guid", GUID))


@tests("types: a DateTime with the fraction {}", {
    "of none": "", ".1": "1", ".12": "12", ".123": "123", ".1234": "1234", ".12345": "12345", ".123456": "123456",
    ".0000000": "0000000", ".1200000": "1200000", ".0010000": "0010000"})
def _(s, digits):
    sent = "2020-01-02T03:04:05" + (f".{digits}" if digits else "") + "Z"
    kept = digits.rstrip("0") if s.mode == "storage" else digits.ljust(7, "0")
    expected = "2020-01-02T03:04:05" + (f".{kept}" if kept else "") + "Z"
    same(round_trip(s, typed("a", "DateTime", sent)), typed("a", "DateTime", expected))


@test("types: the first DateTime")
def _(s):
    found = round_trip(s, typed("a", "DateTime", "1601-01-01T00:00:00Z"))
    expect(found.get("a", "").replace(".0000000", ""), "1601-01-01T00:00:00Z")


@test("types: a DateTime with an offset is not kept as it is")
def _(s):
    table = s.table()
    answer = s.insert(table, entity() | typed("a", "DateTime", "2020-01-01T02:00:00+02:00"))
    if answer.expect(201, 400).status == 201:
        expect(s.get(table).own["a"].replace(".0000000", ""), "2020-01-01T00:00:00Z")


INVALID = {
    "Int32 2147483648": ("Int32", INT32_MAX + 1), "Int32 -2147483649": ("Int32", INT32_MIN - 1),
    "Int32 1.5": ("Int32", 1.5), "Int32 'a'": ("Int32", "a"), "Int32 true": ("Int32", True),
    "Int64 as a number": ("Int64", 5), "Int64 9223372036854775808": ("Int64", str(INT64_MAX + 1)),
    "Int64 -9223372036854775809": ("Int64", str(INT64_MIN - 1)), "Int64 'abc'": ("Int64", "abc"),
    "Int64 ''": ("Int64", ""), "Int64 '1.5'": ("Int64", "1.5"), "Int64 true": ("Int64", True),
    "Double 'INF'": ("Double", "INF"), "Double 'abc'": ("Double", "abc"), "Double true": ("Double", True),
    "Boolean 1": ("Boolean", 1), "Boolean 'yes'": ("Boolean", "yes"),
    "String 5": ("String", 5), "String true": ("String", True),
    "DateTime ''": ("DateTime", ""), "DateTime 'garbage'": ("DateTime", "garbage"),
    "DateTime of day 30 in February": ("DateTime", "2020-02-30T00:00:00Z"),
    "DateTime of day 29 in February 2021": ("DateTime", "2021-02-29T00:00:00Z"),
    "DateTime of month 13": ("DateTime", "2020-13-01T00:00:00Z"),
    "DateTime of minute 60": ("DateTime", "2020-01-01T00:60:00Z"),
    "DateTime before 1601": ("DateTime", "1600-12-31T23:59:59Z"),
    "DateTime after 9999": ("DateTime", "10000-01-01T00:00:00Z"),
    "DateTime of 9 digits": ("DateTime", "2020-01-01T00:00:00.123456789Z"),
    "DateTime as a number": ("DateTime", 5),
    "Int32 '-3.1'": ("Int32", "-3.1"), "Int32 '2147483648'": ("Int32", "2147483648"), "Int32 ''": ("Int32", ""),
    "Double '1,5'": ("Double", "1,5"), "Double ''": ("Double", ""), "Double ' 1'": ("Double", " 1"),
    "Boolean ''": ("Boolean", ""),
    "Guid 'garbage'": ("Guid", "garbage"), "Guid ''": ("Guid", ""), "Guid of 35 digits": ("Guid", GUID[:-1]),
    "Guid of 37 digits": ("Guid", GUID + "0"), "Guid of other letters": ("Guid", GUID.replace("f", "g")),
    "Guid as a number": ("Guid", 5),
    "Binary without padding": ("Binary", "/w"), "Binary of the URL's alphabet": ("Binary", "_-8="),
    "Binary of one digit": ("Binary", "A"), "Binary of other characters": ("Binary", "A*=="),
    "Binary as a number": ("Binary", 5),
    "of an unknown type": ("Foo", "a")}


@tests("types: {}, as a text with its type", {
    "Double 3.25": ("Double", "3.25", 3.25), "Double 32": ("Double", "32", 32.0),
    "Double 1.23456789012346e+24": ("Double", "1.23456789012346e+24", 1.23456789012346e24),
    "Int32 32": ("Int32", "32", 32), "Int32 -2147483648": ("Int32", "-2147483648", INT32_MIN),
    "Double -0.5": ("Double", "-0.5", -0.5), "Int32 0": ("Int32", "0", 0),
    "Boolean true": ("Boolean", "true", True), "Boolean false": ("Boolean", "false", False)})
def _(s, edm, text, value):
    same(round_trip(s, typed("a", edm, text)), {"a": value})


# The services may refuse it. Clients send it for times and numbers that they cannot write.
@tests("types: a null with the type {} is none", ["Double", "DateTime", "Int64"])
def _(s, edm):
    same(round_trip(s, typed("a", edm, None) | {"b": 1}), {"b": 1})


@tests("types: {} is refused", INVALID)
def _(s, edm, value):
    table = s.table()
    s.insert(table, entity() | typed("a", edm, value)).refused(400)
    expect(s.rows(table), [])


@tests("types: {} is refused in a merge and in a PUT", [
    "Int64 'abc'", "Int64 as a number", "Int32 1.5", "DateTime ''", "Guid 'garbage'", "Binary without padding"])
def _(s, name):
    table = s.table()
    s.insert(table, entity(b=1)).expect(201)
    for write in (s.merge, s.put):
        write(table, entity() | typed("a", *INVALID[name])).refused(400)
    expect(s.get(table).own, {"b": 1})


@tests("types: {} is refused", {
    "a list": [1], "an empty list": [], "an object": {"a": 1}, "an empty object": {}})
def _(s, value):
    table = s.table()
    s.insert(table, entity(a=value)).refused(400)
    s.put(table, entity(a=value)).refused(400)
    s.merge(table, entity(a=value)).refused(400)
    expect(s.rows(table), [])


@test("types: an annotation may come after its value")
def _(s):
    found = round_trip(s, '{"a":"5","a@odata.type":"Edm.Int64","PartitionKey":"p","RowKey":"r"}')
    same(found, typed("a", "Int64", "5"))


@test("types: annotated keys")
def _(s):
    table = s.table()
    s.insert(table, typed("PartitionKey", "String", "p") | typed("RowKey", "String", "r")).expect(201)
    expect(s.get(table).own, {})


@test("types: all of them in one entity")
def _(s):
    properties = {"s": "text", "i": 1, "d": 0.5, "b": True}
    for i, (edm, value) in enumerate(ANNOTATED.values()):
        properties |= typed(f"a{i}", edm, value)
    same(round_trip(s, properties), properties)


@test("types: without metadata there are values only")
def _(s):
    table = s.table()
    properties, bare = {"s": "text", "i": 1, "d": 5.0, "b": True}, {"s": "text", "i": 1, "d": 5.0, "b": True}
    for i, (edm, value) in enumerate(ANNOTATED.values()):
        properties |= typed(f"a{i}", edm, value)
        bare[f"a{i}"] = value
    s.insert(table, entity() | properties | typed("d", "Double", 5.0)).expect(201)
    same(s.get(table, headers={"Accept": NONE}).own, bare)
