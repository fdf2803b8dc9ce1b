"""Requests as they are sent over the wire, signed, and their responses."""

import base64
import hashlib
import hmac
import http.client
import json
import re
import time
import uuid
from email.utils import formatdate
from urllib.parse import quote, unquote, urlsplit
from xml.etree import ElementTree

MINIMAL = "application/json;odata=minimalmetadata"
FULL = "application/json;odata=fullmetadata"
NONE = "application/json;odata=nometadata"


class Failure(Exception):
    """The service does not behave as specified."""


def expect(actual, expected, what="got"):
    if actual != expected:
        raise Failure(f"{what} {shortened(actual)}, expected {shortened(expected)}")


def expect_match(pattern, text, what="got"):
    if not re.fullmatch(pattern, text or "", re.DOTALL):
        raise Failure(f"{what} {shortened(text)}, expected a match of {pattern}")


def require(condition, message):
    if not condition:
        raise Failure(message)


def shortened(value):
    text = repr(value)
    return text if len(text) <= 400 else f"{text[:300]} ... {text[-80:]}"


def strict_json(text):
    def refuse(constant):
        raise Failure(f"{constant} is not JSON")

    def unique(pairs):
        require(len(pairs) == len(dict(pairs)), f"a member comes twice in {shortened(pairs)}")
        return dict(pairs)

    try:
        return json.loads(text, parse_constant=refuse, object_pairs_hook=unique)
    except ValueError as e:
        raise Failure(f"not JSON ({e}): {shortened(text)}") from None


class Answer:
    """The response to a request, or to an operation in a batch."""

    def __init__(self, service, request, status, headers, body):
        self.service, self.request = service, request
        self.status, self.headers, self.body = status, headers, body

    def __str__(self):
        return f"{self.request} was answered {self.status} {shortened(self.body[:500])}"

    def header(self, name):
        return self.headers.get(name)

    @property
    def text(self):
        try:
            return self.body.decode()
        except UnicodeDecodeError:
            raise Failure(f"not UTF-8: {self}") from None

    @property
    def json(self):
        return strict_json(self.text)

    @property
    def error(self):
        """The code and the message, in any form of body."""
        if self.body.startswith(b"{"):
            error = self.json.get("odata.error", {})
            return error.get("code", ""), error.get("message", {}).get("value", "")
        code, message = self.header("x-ms-error-code") or "", ""
        if self.body:
            try:
                for element in ElementTree.fromstring(self.text):
                    name = element.tag.rpartition("}")[2].lower()
                    code = (element.text or "") if name == "code" else code
                    message = (element.text or "") if name == "message" else message
            except ElementTree.ParseError:
                raise Failure(f"neither JSON nor XML: {self}") from None
        return code, message

    def expect(self, *statuses):
        require(self.status in statuses, f"{self}, expected {' or '.join(map(str, statuses))}")
        return self

    def refused(self, status, *codes):
        """Fails unless it has one of the codes, if any are given. Few of Cosmos' codes are known."""
        self.expect(status)
        if codes and (self.service.mode == "storage" or status in (404, 409, 412)):
            code = self.service.code_names.get(self.error[0], self.error[0])
            require(code in codes, f"{self}, expected the code {' or '.join(codes)}")
        return self

    def refused_somehow(self):
        require(400 <= self.status < 500, f"{self}, expected a refusal")
        return self

    @property
    def etag(self):
        require(self.header("ETag"), f"{self} without ETag")
        return self.header("ETag")

    @property
    def values(self):
        values = self.expect(200).json.get("value")
        require(isinstance(values, list), f"{self}, expected a list")
        return values

    @property
    def own(self):
        return own(self.expect(200).json)

    @property
    def continuation(self):
        found = {name: self.header(f"x-ms-continuation-{name}")
                 for name in ("NextPartitionKey", "NextRowKey", "NextTableName")}
        return [(name, value) for name, value in found.items() if value is not None]


def own(entity):
    """The entity without the annotations that the service added."""
    return {name: value for name, value in entity.items()
            if not name.startswith("odata.") and name.partition("@")[0] not in
            ("PartitionKey", "RowKey", "Timestamp")}


def escaped(text):
    return quote(text, safe="")


def key(partition, row):
    quoted = [escaped(text.replace("'", "''")) for text in (partition, row)]
    return f"(PartitionKey='{quoted[0]}',RowKey='{quoted[1]}')"


def typed(name, edm, value):
    return {f"{name}@odata.type": f"Edm.{edm}", name: value}


def json_type(s, level):
    """The content type of that level."""
    return level + (";streaming=true;charset=utf-8" if s.mode == "storage" else "")


def utc(seconds_from_now=0, form="%Y-%m-%dT%H:%M:%SZ"):
    return time.strftime(form, time.gmtime(time.time() + seconds_from_now))


class Request:
    def __init__(self, method, path, query, headers, body):
        self.method, self.path, self.query, self.headers, self.body = method, path, query, headers, body

    def __str__(self):
        return shortened(f"{self.method} {self.path}{'?' if self.query else ''}{self.query}")[1:-1]

    def header(self, name):
        return {n.lower(): v for n, v in self.headers.items()}.get(name.lower(), "")


def hmac_sha256(secret, text):
    digest = hmac.new(base64.b64decode(secret), text.encode(), hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


class SharedKey:
    """`change` alters what is signed."""

    def __init__(self, account, secret, lite=False, change=lambda text: text):
        self.account, self.secret, self.lite, self.change = account, secret, lite, change

    def __call__(self, request):
        resource = f"/{self.account}{request.path}"
        for parameter in request.query.split("&"):
            if parameter.startswith("comp="):
                resource += f"?{parameter}"
        date = request.header("x-ms-date") or request.header("Date")
        lines = [date, resource]
        if not self.lite:
            lines = [request.method, request.header("Content-MD5"), request.header("Content-Type"), *lines]
        signature = hmac_sha256(self.secret, self.change("\n".join(lines)))
        scheme = "SharedKeyLite" if self.lite else "SharedKey"
        request.headers["Authorization"] = f"{scheme} {self.account}:{signature}"


class Sas:
    def __init__(self, fields):
        self.fields = {name: value for name, value in fields.items() if value is not None}

    def __call__(self, request):
        token = "&".join(f"{name}={escaped(value)}" for name, value in self.fields.items())
        request.query += ("&" if request.query else "") + token


def unauthorized(request):
    pass


class Service:
    def __init__(self, connection_string, mode, code_names=None):
        fields = dict(part.split("=", 1) for part in connection_string.split(";") if part)
        self.mode, self.code_names = mode, code_names or {}
        self.account, self.secret = fields["AccountName"], fields["AccountKey"]
        self.url = fields["TableEndpoint"].rstrip("/")
        parts = urlsplit(self.url)
        self.base = parts.path
        secure = parts.scheme == "https"
        connect = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        self.connection = connect(parts.hostname, parts.port, timeout=30)
        self.last_used = 0.0
        self.authorize = SharedKey(self.account, self.secret)
        self.no_table = "TableNotFound" if mode == "storage" else "ResourceNotFound"
        self.made, self.kept, self.shared = [], [], {}  # names of tables; what `once` has built

    # Any request at all: a header of the value None is left out.
    def send(self, method, path, query=(), headers=None, body=None, authorize=None):
        all_headers = {
            "x-ms-version": "2019-02-02",
            "x-ms-date": formatdate(usegmt=True),
            "DataServiceVersion": "3.0",
            "Accept": MINIMAL,
        }
        if body is not None:
            all_headers["Content-Type"] = "application/json"
            body = body if isinstance(body, bytes) else \
                (body if isinstance(body, str) else json.dumps(body)).encode()
        all_headers |= headers or {}
        if body is not None or method in ("POST", "PUT", "PATCH", "MERGE"):
            all_headers["Content-Length"] = str(len(body or b""))
        pairs = [(name, value) for name, value in dict(query).items() if value is not None]
        text = "&".join(f"{name}={escaped(str(value))}" for name, value in pairs)
        request = Request(method, self.base + path, text,
                          {n: v for n, v in all_headers.items() if v is not None}, body)
        (authorize or self.authorize)(request)
        return self.exchange(request)

    def exchange(self, request):
        if time.monotonic() - self.last_used > 2:  # a server may be about to close it
            self.connection.close()
        target = request.path + ("?" + request.query if request.query else "")
        try:
            self.connection.putrequest(request.method, target, skip_host="Host" in request.headers,
                                       skip_accept_encoding=True)
            for name, value in request.headers.items():
                self.connection.putheader(name, value)
            try:
                self.connection.endheaders(request.body)
            except (BrokenPipeError, ConnectionResetError):
                pass  # it may have answered before it read everything
            response = self.connection.getresponse()
            answer = Answer(self, request, response.status, response.headers, response.read())
        except (OSError, http.client.HTTPException) as e:
            self.connection.close()
            raise Failure(f"{request}: {type(e).__name__} {e}") from None
        self.last_used = time.monotonic()
        return answer

    # Tables.
    def new_name(self, prefix="t"):
        name = prefix + uuid.uuid4().hex[:20]
        self.made.append(name)
        return name

    def table(self):
        name = self.new_name()
        self.create(name).expect(201)
        return name

    def create(self, name, headers=None, authorize=None):
        return self.send("POST", "/Tables", headers=headers, body={"TableName": name}, authorize=authorize)

    def delete_table(self, name, authorize=None):
        return self.send("DELETE", f"/Tables('{name}')", authorize=authorize)

    def once(self, build):
        """The result of a function, shared by all tests that only read it."""
        if build not in self.shared:
            made, self.made = self.made, []
            try:
                self.shared[build] = build(self)
            finally:
                self.kept, self.made = self.kept + self.made, made
        return self.shared[build]

    def clean_up(self):
        for name in self.made:
            try:
                self.delete_table(name)
            except Failure:
                pass  # the test's own error is enough
        self.made = []

    # Entities.
    def insert(self, table, entity, headers=None, authorize=None):
        return self.send("POST", f"/{table}", headers=headers, body=entity, authorize=authorize)

    def get(self, table, partition="p", row="r", select=None, headers=None, authorize=None):
        return self.send("GET", f"/{table}{key(partition, row)}", {"$select": select}, headers,
                         authorize=authorize)

    def put(self, table, entity, etag=None, authorize=None):
        return self.send("PUT", self.path_of(table, entity), headers={"If-Match": etag}, body=entity,
                         authorize=authorize)

    def merge(self, table, entity, etag=None, authorize=None):
        headers = {"If-Match": etag}
        if self.mode == "storage":
            return self.send("PATCH", self.path_of(table, entity), headers=headers, body=entity,
                             authorize=authorize)
        return self.send("POST", self.path_of(table, entity), headers=headers | {"X-HTTP-Method": "MERGE"},
                         body=entity, authorize=authorize)

    def delete(self, table, partition="p", row="r", etag="*", authorize=None):
        return self.send("DELETE", f"/{table}{key(partition, row)}", headers={"If-Match": etag},
                         authorize=authorize)

    def query(self, table, filter=None, select=None, top=None, more=(), headers=None, authorize=None):
        query = {"$filter": filter, "$select": select, "$top": top} | dict(more)
        return self.send("GET", f"/{table}()", query, headers, authorize=authorize)

    @staticmethod
    def path_of(table, entity):
        return f"/{table}{key(entity['PartitionKey'], entity['RowKey'])}"

    def rows(self, table):
        return sorted(e["RowKey"] for e in self.query(table, select="RowKey").values)

    def is_at(self, url, path):
        """Returns whether the URL is that of the path, with any escapes."""
        return unquote(url or "") == unquote(f"{self.url}{path}")


def entity(row="r", partition="p", **properties):
    return {"PartitionKey": partition, "RowKey": row} | properties
