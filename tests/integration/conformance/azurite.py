"""The known differences between Azurite and the service, and which tests fail for them."""

# Azurite's code, and that of the service.
CODE_NAMES = {"AuthorizationFailure": "AuthenticationFailed"}

CAUSES = {
    "the names of tables are case-sensitive": """
        tables: a table has one name in any case
    """,
    "the code of a rejected table name is empty": """
        tables: the code of a name that is refused
        errors: the body, for a table's name
    """,
    "the response is 500 without a body": """
        tables: a null name is no table to create
        entities: insert with a number for a key
        keys: a slash in a URL is refused
        types: of an unknown type is refused
    """,
    "continuation tokens are only base64, or the bare name of a table": """
        tables: list page by page
        paging: the headers of a continuation
    """,
    "times keep their digits and their offset": """
        types: a DateTime with the fraction .0000000
        types: a DateTime with the fraction .1200000
        types: a DateTime with the fraction .0010000
        types: a DateTime with an offset is not kept as it is
        paging: the fractions of Timestamps
    """,
    "the response has no Location": """
        entities: insert says where the entity is
        wire: the URL of quotes
        wire: the URL of an at sign
        wire: the URL of others
        wire: the URL of several quotes
        wire: the URL of a table, quiet
        wire: the URL of a table, loud
    """,
    "of two properties with one name the last is stored": """
        entities: the same property twice
    """,
    "numbers are parsed as JavaScript numbers": """
        types: Double 5.0 comes back as it is
        types: Double -0.0 comes back as a Double
        types: 5E0 is a Double without annotation too
    """,
    "the values of most types are not checked": """
        types: Int32 2147483648 is refused
        types: Int32 -2147483649 is refused
        types: Int32 1.5 is refused
        types: Int64 9223372036854775808 is refused
        types: Int64 -9223372036854775809 is refused
        types: Int64 'abc' is refused
        types: Int64 '' is refused
        types: Int64 '1.5' is refused
        types: DateTime 'garbage' is refused
        types: DateTime of day 30 in February is refused
        types: DateTime of day 29 in February 2021 is refused
        types: DateTime of month 13 is refused
        types: DateTime of minute 60 is refused
        types: DateTime before 1601 is refused
        types: DateTime after 9999 is refused
        types: DateTime of 9 digits is refused
        types: Guid 'garbage' is refused
        types: Guid '' is refused
        types: Guid of 35 digits is refused
        types: Guid of 37 digits is refused
        types: Guid of other letters is refused
        types: Binary without padding is refused
        types: Binary of the URL's alphabet is refused
        types: Binary of one digit is refused
        types: Binary of other characters is refused
        types: Int64 'abc' is refused in a merge and in a PUT
        types: Int32 1.5 is refused in a merge and in a PUT
        types: Guid 'garbage' is refused in a merge and in a PUT
        types: Binary without padding is refused in a merge and in a PUT
        types: Int32 '2147483648' is refused
        types: Double '1,5' is refused
        types: Double ' 1' is refused
    """,
    "odata.metadata names no table": """
        metadata: the URL of a list
        queries: odata.metadata has $select as it was sent, empty
        queries: odata.metadata has $select as it was sent, with a space
    """,
    "quotes in the keys within URLs are not doubled": """
        metadata: quotes in URLs are doubled
        batches: an insert says where the entity is
    """,
    "comparing an Int64 with an Int32 fails with 500": """
        queries: I eq 1L
    """,
    "times are compared in milliseconds": """
        queries: T eq datetime'2020-01-01T00:00:00.1234567Z'
        queries: T ne datetime'2020-01-01T00:00:00.1234567Z'
        queries: T gt datetime'2020-01-01T00:00:00.1234567Z'
        queries: T lt datetime'2020-01-01T00:00:00.1234568Z'
    """,
    "guids are compared as texts": """
        queries: G eq guid'0F8FAD5B-D9CB-469F-A165-70867728950E'
    """,
    "literals and unknown words are not checked": """
        queries: S eq 'apple is no filter
        queries: T eq datetime'garbage' is no filter
        queries: G eq guid'garbage' is no filter
        queries: X eq X'0' is no filter
        queries: X eq X'0g' is no filter
        queries: I eq 1; is no filter
        queries: L eq 9223372036854775808L is no filter
    """,
    "the size of an entity is that of the request's JSON, and is not checked for an insert": """
        batches: an entity that is refused, for its size
        limits: an entity of 1 MiB of Japanese
        limits: an entity of 1 MiB of emoji
        limits: an entity of more than 1 MiB, ASCII
        limits: an entity of more than 1 MiB, Japanese
        limits: an entity of more than 1 MiB, emoji
        limits: the keys are a part of the entity
        limits: what a property counts, Int32
        limits: what a property counts, Int64
        limits: what a property counts, Double
        limits: what a property counts, Boolean
        limits: what a property counts, Guid
        limits: what a property counts, DateTime
        limits: what a property counts, Binary
        limits: what a property counts, String
        limits: an entity that a merge enlarges beyond the limit
    """,
    "properties are not counted": """
        batches: an entity that is refused, for its properties
        limits: 253 properties
        limits: properties that a merge adds
        batches: the index of the first operation is written, for too many properties
    """,
    "names of properties are not checked": """
        limits: no property is named a-b
        limits: no property is named 1a
        limits: no property is named a b
        limits: no property is named a.b
        limits: no property is named a'b
        limits: no property is named a+b
        limits: no property is named a/b
        limits: no property is named a,b
        limits: no property is named a(b)
        limits: no property is named $a
        limits: no property is without a name
        limits: a property's name of 256 characters
        batches: the index of the first operation is written, for a name that is too long
    """,
    "the code is EntityTooLarge, as for any large entity": """
        limits: a request of more than 4 MiB, put
        limits: a request of more than 4 MiB, merge
    """,
    "the part of an insert has neither a body nor Preference-Applied": """
        batches: an insert with Prefer: return-no-content
        batches: an insert with its content
    """,
    "the URLs of a batch are split at the wrong comma": """
        batches: a row with a comma and a quote
    """,
    "JSON is read only from a single line": """
        batches: JSON of several lines
    """,
    "a boundary stands before the status line": """
        batches: 101 operations
    """,
    "neither partitions nor tables are compared": """
        batches: two partitions
        batches: two tables
    """,
    "If-Match is not required in a batch": """
        batches: delete needs If-Match
        batches: the index of the first operation is written, for a delete without ETag
    """,
    "X-HTTP-Method is ignored in a batch": """
        batches: merge by X-HTTP-Method
    """,
    "the part of a query is malformed": """
        batches: a query
        batches: a query of what is not there
        batches: a query has an index, of a missing entity
        batches: a query has an index, of a missing table
        batches: the headers of a query's part, found
        batches: the headers of a query's part, not found
    """,
    "the form of a batch is not checked: the batch is executed, or the response is 500 without a body": """
        batches: a query among writes
        batches: two changesets
        batches: no batch: an empty body
        batches: no batch: text
        batches: no batch: no part
        batches: no batch: another boundary
        batches: no batch: a part that is no request
        batches: no batch: a write in no changeset
        batches: no boundary in the content type
        batches: an empty changeset
        batches: a Content-Length that cuts the text
        batches: a Content-Length of more than there is
        batches: URLs may be paths
        batches: a Content-Length before more text
        batches: a Content-Length that cuts the text before line ends
        batches: a Content-Length of more than the text and the line ends
        batches: URLs may be paths without the account, which the host names
        batches: a path without the account, which the host does not name either, is refused
    """,
    "the response has no challenge": """
        auth: none, with a newer version
    """,
    "dates are not checked": """
        auth: a date of 16 minutes ago
        auth: a date of yesterday
        auth: a date in 17 minutes
        auth: a date that is none
        auth: a date that is empty
        auth: no date
        auth: Date is too old as well
    """,
    "Date takes precedence over x-ms-date": """
        auth: x-ms-date takes precedence over Date
    """,
    "a query needs the resource type c": """
        sas: query with just what it needs
        sas: query without its resource type
    """,
    "one of the two permissions is enough": """
        sas: upsert by PUT without its permissions
        sas: upsert by merge without its permissions
        sas of a table: upsert by PUT without its permissions
        sas of a table: upsert by merge without its permissions
    """,
    "an invalid expiry time is ignored": """
        sas: one of no time is refused
        sas of a table: one of no time is refused
    """,
    "addresses are not checked": """
        sas: from 10.0.0.1 only
        sas: from 127.0.0.2-127.0.0.9 only
        sas: from 10.0.0.0-10.255.255.255 only
        sas of a table: from some addresses
    """,
    "permissions are not checked in a batch": """
        sas: a batch without the permission to insert
        sas: a batch without the permission to upsert
        sas: a batch without the permission to delete
        sas: a batch without the permission to write
    """,
    "a table's signature permits deleting the table": """
        sas of a table: no leave to delete a table
    """,
    "a table's signature is not accepted for a batch": """
        sas of a table: a batch
    """,
    "ranges of keys are not enforced": """
        sas of a table: the range of a partition, in queries
        sas of a table: the range of partitions from one on, in queries
        sas of a table: the range of partitions up to one, in queries
        sas of a table: the range of rows of a partition, in queries
        sas of a table: the range of rows from one on, in queries
        sas of a table: the range of rows up to one, in queries
        sas of a table: the range of rows of two partitions, in queries
        sas of a table: the range of a partition, in writes
        sas of a table: the range of partitions from one on, in writes
        sas of a table: the range of partitions up to one, in writes
        sas of a table: the range of rows of a partition, in writes
        sas of a table: the range of rows from one on, in writes
        sas of a table: the range of rows up to one, in writes
        sas of a table: the range of rows of two partitions, in writes
        sas of a table: the bound srk alone is refused
        sas of a table: the bound erk alone is refused
        errors: of a row out of range
        wire: the headers of a failure, a row out of range
    """,
    "the length of an identifier is not checked": """
        policies: the length of an identifier
    """,
    "a policy must be complete": """
        policies: what one leaves out, the signature says
    """,
    "the signature may repeat what the policy says": """
        policies: what one says, the signature may not
    """,
    "the response has no body": """
        errors: the body, for malformed JSON
        errors: the body, for a delete without ETag
        errors: the content type, for malformed JSON
        errors: the content type, for a delete without ETag
        errors: the message, for a name that is too long
    """,
    "x-ms-error-code is always present": """
        errors: no x-ms-error-code, for a missing entity
        errors: no x-ms-error-code, for an entity that exists
        errors: no x-ms-error-code, for a stale ETag
    """,
    "errors about signatures are in XML, with the code AuthorizationFailure or the service's": """
        errors: of a bad signature
        errors: of a missing permission
    """,
    "the XML has another form": """
        errors: XML, where no JSON is accepted
    """,
    "the content type is another": """
        errors: in a batch
    """,
    "a number or a time and a text are compared as JavaScript compares them": """
        queries: a number or a time and a text: I lt ''
        queries: a number or a time and a text: I le ''
        queries: a number or a time and a text: I gt ''
        queries: a number or a time and a text: I ge ''
        queries: a number or a time and a text: L lt ''
        queries: a number or a time and a text: L lt '5'
        queries: a number or a time and a text: L le ''
        queries: a number or a time and a text: L le '5'
        queries: a number or a time and a text: L gt ''
        queries: a number or a time and a text: L gt '5'
        queries: a number or a time and a text: L ge ''
        queries: a number or a time and a text: L ge '5'
        queries: a number or a time and a text: D lt ''
        queries: a number or a time and a text: D lt '5'
        queries: a number or a time and a text: D le ''
        queries: a number or a time and a text: D le '5'
        queries: a number or a time and a text: D gt ''
        queries: a number or a time and a text: D gt '5'
        queries: a number or a time and a text: D ge ''
        queries: a number or a time and a text: D ge '5'
        queries: a number or a time and a text: T lt ''
        queries: a number or a time and a text: T le ''
        queries: a number or a time and a text: T gt ''
        queries: a number or a time and a text: T ge ''
    """,
    "a filter that is refused is not explained": """
        queries: why a filter is refused
    """,
    "a selected property that is not there is left out": """
        queries: selected, but not there
        queries: selected, but not there, in each row
    """,
    "an index 0 is written, and a Content-ID": """
        batches: the index of the first operation, for a missing entity
        batches: the index of the first operation, for an entity that exists
        batches: the index of the first operation, for a stale ETag
        batches: the Content-ID of a request comes back, from a failure, too
    """,
    "errors in a batch are JSON always, of another content type": """
        batches: an error is JSON as the part asks
        batches: an error is JSON as the batch asks
        batches: an error is XML as nobody asks
        batches: an error is XML as the part asks
        batches: an error at the level of the part
        batches: an error at the level of the part, above that of the batch
        batches: an error at the level of the batch
    """,
    "the headers of parts are others": """
        batches: the headers of a part, insert
        batches: the headers of a part, insert with content
        batches: the headers of a part, put
        batches: the headers of a part, merge
        batches: the headers of a part, a failure
        batches: the headers of a part, an insert that fails
        batches: the headers of a part, a missing table
        batches: the headers of a part, insert with content, as preferred
        batches: the headers of a part, put with an ETag
        batches: the headers of a part, merge that inserts
        batches: the headers of a part, a put that fails
        batches: the headers of a part, a merge that fails
        batches: the headers of a part, an insert into a missing table
    """,
    "a page of no rows has a continuation": """
        paging: $top=0
    """,
    "the message has no spelling mistake": """
        errors: the message, for a table's name
    """,
    "headers are missing, and x-ms-error-code is always present": """
        wire: the headers of create
        wire: the headers of create, quiet
        wire: the headers of list of tables
        wire: the headers of delete a table
        wire: the headers of insert
        wire: the headers of insert, quiet
        wire: the headers of put
        wire: the headers of merge
        wire: the headers of get
        wire: the headers of query
        wire: the headers of delete
        wire: the headers of a failure, a missing entity
        wire: the headers of a failure, a missing table
        wire: the headers of a failure, an entity that exists
        wire: the headers of a failure, a table that exists
        wire: the headers of a failure, no filter
        wire: the headers of a failure, a wrong type
        wire: the headers of a failure, malformed JSON
        wire: the headers of a failure, a stale ETag
        wire: the headers of a failure, a delete without ETag
        wire: the headers of a failure, a table's name
        wire: a preference stands in the refusal of a table that exists
        wire: a preference stands in the refusal of a table's name
        wire: a preference stands in the refusal of an entity that exists
        settings: the headers of responses
        wire: the headers of query of a page
        wire: the headers of insert, loud
        wire: the headers of put with an ETag
        wire: the headers of merge with an ETag
        wire: the headers of batch
        wire: the headers of batch that fails
        wire: the headers of a failure, a bad signature
        wire: the headers of a failure, a missing permission
    """,
    "access policies must be complete, and come back as they were sent": """
        settings: a table begins without policies
        settings: policies come back in the form of the service
        settings: policies with six of them are refused
        settings: policies with one twice are refused
        settings: policies with no name are refused
        settings: policies with a name of 65 characters are refused
        settings: policies with another permission are refused
        settings: policies with a name that XML does not have are refused
        settings: policies with a time of nine digits are refused
        settings: policies need a body
    """,
    "service properties are hardly checked, and refused without a body": """
        settings: a section that is not sent remains
        settings: a retention of 366 days is refused
        settings: a retention of 0 days is refused
        settings: a retention without days is refused
        settings: days without retention is refused
        settings: no retention is refused
        settings: metrics of unknown extent is refused
        settings: an unknown section is refused
        settings: six rules is refused
        settings: an unknown method is refused
        settings: a rule without origins is refused
        settings: a negative age is refused
        settings: half a rule is refused
        settings: a size of rules of more than 2 KiB is refused
        settings: a character that XML does not have is refused
    """,
    "rules for browsers need headers that are not empty": """
        settings: a browser asks first
        settings: the first rule for the origin and the method decides
        settings: responses say which pages may see them
        settings: a read without an origin may be cached for every page
    """,
    "the members have another order": """
        wire: members in storage
    """,
    "the message about a row that occurs twice is another": """
        batches: the same row twice, by put and merge
        batches: the same row twice, by two merges
    """,
    "a null with a type is refused": """
        types: a null with the type Double is none
        types: a null with the type DateTime is none
        types: a null with the type Int64 is none
    """,
    "the content type says nothing of streaming and characters": """
        metadata: minimal in the content type
        metadata: full in the content type
        metadata: none in the content type
    """,
}

DIFFERENCES = {name.strip(): cause for cause, names in CAUSES.items() for name in names.strip().splitlines()}

# It depends on the speed of the machine whether Azurite is like the service here.
UNSURE = ("batches: the rows of one share a timestamp, unless the clock moves on between them",)
