#!/usr/bin/env node
// Microsoft's JavaScript client against a table service; its connection string is in AZKV_CONNECTION_STRING.
//
//   node_sdk_test.mjs [--mode storage|cosmos] [--server emulator|azurite]

import dns from "node:dns";
import { isDeepStrictEqual, inspect, parseArgs } from "node:util";

import { load } from "./npm.mjs";

const { package: sdk, version } = load("@azure/data-tables");
const { AzureNamedKeyCredential, AzureSASCredential, RestError, TableClient, TableServiceClient,
        TableTransaction, generateAccountSas, generateTableSas, odata } = sdk;

// Where Azurite differs from the service. There these checks must fail, or leave this list.
const azuriteDiffers = {
  "a bad table name is refused by code": "its answer has no code",
  "names of tables differ in more than case": "it finds a table under the name that it was made with only",
  "a wrong key is refused by code": "AuthorizationFailure in place of AuthenticationFailed",
  "an expired SAS is refused by code": "AuthorizationFailure in place of AuthenticationFailed",
  "too many properties are refused": "it does not count them",
  "a bad property name is refused": "it does not look at them",
  "a transaction has 100 operations at most": "its answer says 0:, for the service's 99:",
  "keys with quotes and commas in a transaction": "it splits them elsewhere",
  "line separators in a transaction": "it takes them for ends of lines",
  "an account SAS for objects reads them": "it asks for containers as well",
  "a table SAS covers transactions": "it looks for the table $batch in the signature",
  "a table SAS is held to its range of keys": "it ignores the range",
};

const { values: options } = parseArgs({
  options: {
    mode: { type: "string", default: "storage" },
    server: { type: "string", default: "emulator" },
  },
});
if (!["storage", "cosmos"].includes(options.mode) || !["emulator", "azurite"].includes(options.server)) {
  console.error("node_sdk_test.mjs [--mode storage|cosmos] [--server emulator|azurite]");
  process.exit(2);
}

dns.setDefaultResultOrder("ipv4first"); // for localhost, where a service listens on 127.0.0.1
const parts = process.env.AZKV_CONNECTION_STRING.split(";").filter(Boolean);
const settings = Object.fromEntries(parts.map((part) => {
  const at = part.indexOf("=");
  return [part.slice(0, at), part.slice(at + 1)];
}));
// The client takes a string without a protocol for one with a SAS.
const connectionString = Object.entries({ DefaultEndpointsProtocol: "http", ...settings })
  .map(([name, value]) => `${name}=${value}`).join(";");
const endpoint = settings.TableEndpoint.replace(/\/$/, "");
const key = new AzureNamedKeyCredential(settings.AccountName, settings.AccountKey);
const clientOptions = { allowInsecureConnection: true, retryOptions: { maxRetries: 0 } };
const service = TableServiceClient.fromConnectionString(connectionString, { ...clientOptions });
const isStorage = options.mode === "storage";
const noTable = isStorage ? "TableNotFound" : "ResourceNotFound";

class Failed extends Error {}

const short = (v) => inspect(v, { depth: 6, breakLength: Infinity, maxStringLength: 200 }).slice(0, 300);

function expect(expected, actual, what = "value") {
  if (!isDeepStrictEqual(actual, expected)) {
    throw new Failed(`${what}: expected ${short(expected)}, was ${short(actual)}`);
  }
}

function codeOf(error) {
  const inXml = error.response?.bodyAsText?.match(/<(?:m:)?code>(.*?)</i)?.[1];
  return error.details?.odataError?.code ?? error.code ?? inXml;
}

/** Expects that the service rejects the call with this error; returns the error. */
async function refused(status, code, promise) {
  const result = await promise.then((value) => ({ value }), (error) => ({ error }));
  if ("value" in result) throw new Failed(`not refused with ${status} ${code}, but ${short(result.value)}`);
  const { error } = result;
  if (!(error instanceof RestError)) throw error;
  if (![status].flat().includes(error.statusCode)) {
    throw new Failed(`status ${error.statusCode}, not ${status}: ${short(error.message)}`);
  }
  if (code) expect(code, codeOf(error), `code of ${short(error.message)}`);
  return error;
}

const seen = new Set();

/** A check that Azurite fails. */
async function serviceOnly(name, check) {
  if (options.server !== "azurite") return check();
  seen.add(name);
  try {
    await check();
  } catch (e) {
    if (!(e instanceof Failed || e instanceof RestError)) throw e;
    console.log(`     skipped: ${name} (Azurite: ${azuriteDiffers[name]})`);
    return;
  }
  throw new Failed(`Azurite is as the service by now: ${name}`);
}

const groups = [];
const group = (name, run) => groups.push({ name, run });
const storageGroup = (name, run) => isStorage && group(name, run);
const cosmosGroup = (name, run) => isStorage || group(name, run);

const tables = [];
const unique = `sdk${process.pid}x${Math.floor(Date.now() / 1000)}`;

const newName = (prefix = "t") => {
  tables.push(`${prefix}${unique}n${tables.length}`);
  return tables.at(-1);
};

const tableNamed = (name) => TableClient.fromConnectionString(connectionString, name, { ...clientOptions });
const tableWith = (credential, name) => new TableClient(endpoint, name, credential, { ...clientOptions });
const tableWithSas = (sas, name) => tableWith(new AzureSASCredential(sas), name);

async function newTable(prefix) {
  const table = tableNamed(newName(prefix));
  await table.createTable();
  return table;
}

const keys = (partitionKey, rowKey = "r") => ({ partitionKey, rowKey });

/** This many properties. */
const numbered = (count, value) =>
  Object.fromEntries([...Array(count).keys()].map((i) => [`p${i}`, value]));

async function all(iterator) {
  const result = [];
  for await (const element of iterator) result.push(element);
  return result;
}

const query = (table, filter, select) => all(table.listEntities({ queryOptions: { filter, select } }));
const rows = (entities) => entities.map((e) => e.rowKey).sort();
const names = (list) => list.map((t) => t.name);

/** An entity without what the service adds to it. */
function own(entity) {
  const { etag, timestamp, "odata.metadata": metadata, ...rest } = entity;
  return rest;
}

group("tables: create, exists, list, query, delete", async () => {
  const made = [..."abcde"].map((letter) => newName(`list${letter}`));
  for (const name of made) await service.createTable(name);
  let answer; // the client takes it for success
  await service.createTable(made[0], { onResponse: (raw) => { answer = raw; } });
  expect([409, "TableAlreadyExists"], [answer.status, answer.parsedBody.odataError.code]);

  const listed = names(await all(service.listTables()));
  expect(made, listed.filter((name) => made.includes(name)).sort(), "listed");
  expect(listed.length, new Set(listed).size, "listed once");
  const tablesWhere = (filter) => service.listTables({ queryOptions: { filter } });
  expect([made[2]], names(await all(tablesWhere(odata`TableName eq ${made[2]}`))));
  const between = odata`TableName ge ${made[0]} and TableName lt ${made[4]}`;
  const pages = (await all(tablesWhere(between).byPage({ maxPageSize: 2 }))).map(names);
  expect(made.slice(0, 4), pages.flat().sort());
  expect(true, pages.length >= 2 && pages.every((page) => page.length <= 2), `pages ${short(pages)}`);
  const first = (await tablesWhere(between).byPage({ maxPageSize: 2 }).next()).value;
  const { continuationToken } = first;
  const rest = await all(tablesWhere(between).byPage({ maxPageSize: 2, continuationToken }));
  expect(made.slice(0, 4), [...names(first), ...rest.flatMap(names)].sort(), "resumed");

  await service.deleteTable(made[0]);
  await tableNamed(made[1]).deleteTable();
  expect([], await all(tablesWhere(odata`TableName eq ${made[0]}`)));
  await refused(404, noTable, tableNamed(made[1]).createEntity(keys("p")));
  await service.deleteTable(made[0]); // 404, which the client takes for success
});

storageGroup("tables: names that differ in case", async () => {
  const table = await newTable("Case");
  let answer;
  await service.createTable(table.tableName.toUpperCase(), { onResponse: (raw) => { answer = raw; } });
  expect(409, answer.status);
  await table.createEntity(keys("p"));
  await serviceOnly("names of tables differ in more than case", async () => {
    expect("r", (await tableNamed(table.tableName.toLowerCase()).getEntity("p", "r")).rowKey);
  });
});

cosmosGroup("tables: names that differ in case", async () => {
  const table = await newTable("Case");
  await table.createEntity(keys("p"));
  const other = tableNamed(table.tableName.toLowerCase());
  tables.push(other.tableName);
  await other.createTable();
  expect([], await all(other.listEntities()));
});

group("insert, get, missing ones", async () => {
  const table = await newTable();
  const written = await table.createEntity({ ...keys("p"), a: 1 });
  const entity = await table.getEntity("p", "r");
  expect({ ...keys("p"), a: 1 }, own(entity));
  expect(written.etag, entity.etag, "etag");
  const age = Date.now() - new Date(entity.timestamp);
  expect(true, Math.abs(age) < 5 * 60_000, `timestamp ${entity.timestamp}`);
  await refused(409, "EntityAlreadyExists", table.createEntity({ ...keys("p"), a: 2 }));
  expect(1, (await table.getEntity("p", "r")).a, "not changed");
  await refused(404, "ResourceNotFound", table.getEntity("p", "other"));
  await refused(404, "ResourceNotFound", table.getEntity("other", "r"));
  const missing = tableNamed(newName());
  await refused(404, noTable, missing.getEntity("p", "r"));
  await refused(404, noTable, all(missing.listEntities()));
});

group("upsert: replace, merge", async () => {
  const table = await newTable();
  for (const mode of ["Merge", "Replace"]) { // which creates the entity
    await table.upsertEntity({ ...keys("p", mode), a: 1, b: 1 }, mode);
    expect({ ...keys("p", mode), a: 1, b: 1 }, own(await table.getEntity("p", mode)));
  }
  const written = await table.upsertEntity({ ...keys("p", "Merge"), b: "x", c: 3 }, "Merge");
  const entity = await table.getEntity("p", "Merge");
  expect({ ...keys("p", "Merge"), a: 1, b: "x", c: 3 }, own(entity));
  expect(written.etag, entity.etag, "etag");
  await table.upsertEntity({ ...keys("p", "Replace"), c: 3 }, "Replace");
  expect({ ...keys("p", "Replace"), c: 3 }, own(await table.getEntity("p", "Replace")));
});

group("update with an etag: match, mismatch", async () => {
  const table = await newTable();
  for (const mode of ["Merge", "Replace"]) {
    await refused(404, "ResourceNotFound", table.updateEntity(keys("p", mode), mode));
    const old = (await table.createEntity({ ...keys("p", mode), a: 1, b: 1 })).etag;
    const { etag } = await table.updateEntity({ ...keys("p", mode), a: 2 }, mode, { etag: old });
    expect(true, etag !== old, "new etag");
    await refused(412, "UpdateConditionNotSatisfied",
                  table.updateEntity({ ...keys("p", mode), a: 3 }, mode, { etag: old }));
    await table.updateEntity({ ...keys("p", mode), c: 3 }, mode); // with any etag
    expect({ ...keys("p", mode), ...(mode === "Merge" && { a: 2, b: 1 }), c: 3 },
           own(await table.getEntity("p", mode)));
  }
});

group("delete with an etag: match, mismatch", async () => {
  const table = await newTable();
  const old = (await table.createEntity(keys("p"))).etag;
  const { etag } = await table.updateEntity({ ...keys("p"), a: 1 });
  await refused(412, "UpdateConditionNotSatisfied", table.deleteEntity("p", "r", { etag: old }));
  expect(1, (await table.getEntity("p", "r")).a, "still there");
  await table.deleteEntity("p", "r", { etag });
  await refused(404, "ResourceNotFound", table.getEntity("p", "r"));
  await refused(404, "ResourceNotFound", table.deleteEntity("p", "r"));
  await table.createEntity(keys("p"));
  await table.deleteEntity("p", "r");
  expect([], await all(table.listEntities()));
});

const double = (value) => ({ type: "Double", value });
const guid = (value) => ({ type: "Guid", value });
const bytes = (...list) => Uint8Array.from(list);
const values = {
  int32: { zero: 0, one: 1, least: -(2 ** 31), most: 2 ** 31 - 1 },
  int64: { small: 5n, odd: 2n ** 53n + 1n, least: -(2n ** 63n), most: 2n ** 63n - 1n },
  double: { half: 0.5, tenth: 0.1, tiny: 5e-324, most: 1.7976931348623157e308 },
  typed: { five: double(5), e21: double(1e21), nan: double("NaN"), infinity: double("Infinity"),
           minus: double("-Infinity") },
  boolean: { yes: true, no: false },
  datetime: { milli: new Date("2024-02-29T12:34:56.789Z"), whole: new Date("2000-01-01T00:00:00Z"),
              first: new Date("1601-01-01T00:00:00Z"), last: new Date("9999-12-31T23:59:59.999Z") },
  guid: { zero: guid("00000000-0000-0000-0000-000000000000"),
          some: guid("c9da6455-213d-42c9-9a79-3e9149a57833") },
  binary: { empty: bytes(), all: bytes(...Array(256).keys()), full: new Uint8Array(65_536).fill(255) },
  string: { empty: "", quotes: "it's \"quoted\" ''", cjk: "größe 日本語", emoji: "😀 👩‍👩‍👧 🇩🇪",
            controls: "\t\r\n\x1f\x7f\ufeff", url: "a b+c%20&=?#/\\", full: "x".repeat(32_768),
            number: "123", date: "2024-02-29T12:34:56Z" },
  separators: { line: "a\u2028b", paragraph: "a\u2029b" },
};

/** Returns what the client reads of a value that it wrote. */
function read(value) {
  if (value instanceof Uint8Array) return Buffer.from(value);
  return value?.type === "Double" ? value.value : value;
}

group("values of all types, there and back", async () => {
  const table = await newTable();
  const expected = (p, kind) => ({
    ...keys(p, kind), ...Object.fromEntries(Object.entries(values[kind]).map(([name, v]) => [name, read(v)])),
  });
  for (const kind in values) await table.createEntity({ ...keys("p", kind), ...values[kind] });
  const operation = (kind) => ["create", { ...keys("batch", kind), ...values[kind] }];
  const kinds = Object.keys(values).filter((kind) => kind !== "separators");
  await table.submitTransaction(kinds.map(operation));
  for (const kind of kinds) expect(expected("batch", kind), own(await table.getEntity("batch", kind)), kind);
  for (const kind in values) expect(expected("p", kind), own(await table.getEntity("p", kind)), kind);
  await serviceOnly("line separators in a transaction", async () => {
    await table.submitTransaction([operation("separators")]);
    expect(expected("batch", "separators"), own(await table.getEntity("batch", "separators")));
  });
  for (const entity of await query(table, "PartitionKey eq 'p'")) {
    expect(expected("p", entity.rowKey), own(entity), `listed ${entity.rowKey}`);
  }
  await table.upsertEntity({ ...keys("p", "null"), nothing: null, a: 1 }, "Replace");
  expect({ ...keys("p", "null"), a: 1 }, own(await table.getEntity("p", "null")));

  const typed = async (kind) => own(await table.getEntity("p", kind, { disableTypeConversion: true }));
  expect({ type: "Int64", value: "9223372036854775807" }, (await typed("int64")).most);
  expect({ type: "Guid", value: "c9da6455-213d-42c9-9a79-3e9149a57833" }, (await typed("guid")).some);
  expect({ type: "Double", value: "NaN" }, (await typed("typed")).nan);
  expect({ type: "Binary", value: "" }, (await typed("binary")).empty);
});

const oddKeys = ["it's", "''", "a b", "50%", "%27", "+&=;,", "größe 日本", "😀", "(RowKey='x')", " ", ".",
                 "!~*"];

group("keys of all characters", async () => {
  const table = await newTable();
  for (const k of oddKeys) {
    await table.createEntity({ ...keys(k, k), k });
    await table.updateEntity({ ...keys(k, k), n: 1 }, "Merge");
    expect({ ...keys(k, k), k, n: 1 }, own(await table.getEntity(k, k)));
    expect([k], rows(await query(table, odata`PartitionKey eq ${k} and RowKey eq ${k}`)), "found");
  }
  expect([...oddKeys].sort(), rows(await all(table.listEntities())));
  for (const k of oddKeys) await table.deleteEntity(k, k);
  expect([], rows(await all(table.listEntities())));
  await table.submitTransaction(oddKeys.map((k) => ["upsert", { ...keys("it's", k), k }]));
  for (const { rowKey, k } of await all(table.listEntities())) expect(rowKey, k);
  expect([...oddKeys].sort(), rows(await all(table.listEntities())), "by a transaction");
  for (const k of ["a/b", "a\\b", "a#b", "a?b", "a\nb"]) {
    await refused(400, null, table.createEntity(keys(k)));
  }
  await serviceOnly("keys with quotes and commas in a transaction", async () => {
    await table.submitTransaction([["upsert", keys("commas", "a',b")]]);
    expect("a',b", (await table.getEntity("commas", "a',b")).rowKey);
  });
});

group("pages: 2,500 entities, resumed by a token", async () => {
  const table = await newTable();
  const entities = Array.from({ length: 2_500 }, (_, i) =>
    ({ ...keys(`p${Math.floor(i / 500)}`, String(i % 500).padStart(4, "0")), n: i % 500 }));
  const idOf = (e) => `${e.partitionKey} ${e.rowKey}`;
  for (let i = 0; i < 2_500; i += 100) {
    await table.submitTransaction(entities.slice(i, i + 100).map((e) => ["create", e]));
  }
  const check = (expected, pages, most, leastPages) => {
    const lengths = pages.map((page) => page.length);
    expect(true, lengths.every((length) => length <= most), `pages of ${lengths}, ${most} at most`);
    expect(true, pages.length >= leastPages, `${pages.length} pages`);
    const found = pages.flat().map(idOf);
    expect(expected.map(idOf), isStorage ? found : found.sort());
  };
  check(entities, await all(table.listEntities().byPage()), 1_000, 3);
  check(entities, await all(table.listEntities().byPage({ maxPageSize: 400 })), 400, 7);
  expect(2_500, (await all(table.listEntities())).length);

  const queryOptions = { filter: odata`n ge ${250}`, select: ["partitionKey", "rowKey"] };
  const pager = table.listEntities({ queryOptions }).byPage({ maxPageSize: 300 });
  const first = [(await pager.next()).value, (await pager.next()).value];
  const { continuationToken } = first[1];
  const rest = await all(tableNamed(table.tableName).listEntities({ queryOptions })
    .byPage({ maxPageSize: 300, continuationToken }));
  check(entities.filter((e) => e.n >= 250), [...first, ...rest], 300, 5);
});

group("filters with parameters of each type", async () => {
  const table = await newTable();
  const at = (i) => new Date(Date.UTC(2020 + i, 0, 1, 0, 0, 0, 5));
  const guidOf = (i) => `0000000${i}-0000-0000-0000-000000000000`;
  for (const i of [1, 2, 3]) {
    await table.createEntity({
      ...keys(`p${i}`, `r${i}`), i: i * 10, l: BigInt(i) << 40n, d: i + 0.5, b: i === 2, t: at(i),
      g: guid(guidOf(i)), x: bytes(i, 255), s: `it's ${i} ü😀`,
    });
  }
  await table.createEntity(keys("p4", "r4")); // it has none of them
  const find = async (filter) => rows(await query(table, filter));

  expect(["r2"], await find(odata`PartitionKey eq ${"p2"} and RowKey eq ${"r2"}`));
  expect(["r2", "r3"], await find(odata`PartitionKey gt ${"p1"} and PartitionKey lt ${"p4"}`));
  const literals = { i: odata`${20}`, l: odata`${2n << 40n}L`, d: odata`${2.5}`, t: odata`${at(2)}`,
                     s: odata` ${"it's 2 ü😀"}` };
  for (const [name, literal] of Object.entries(literals)) {
    const found = [];
    for (const op of ["eq", "gt", "ge", "lt", "le"]) found.push(await find(`${name} ${op} ${literal}`));
    expect([["r2"], ["r3"], ["r2", "r3"], ["r1"], ["r1", "r2"]], found, name);
    expect(false, (await find(`${name} ne ${literal}`)).includes("r2"), `${name} ne`);
  }
  expect(["r2"], await find(odata`g eq guid${guidOf(2)}`));
  expect(["r2"], await find(odata`x eq X${"02ff"}`));
  expect(["r2"], await find(odata`b eq ${true}`));
  expect(["r1", "r3"], await find(odata`b eq ${false}`));
  expect(["r1", "r3"], await find(odata`(i eq ${10} or s eq ${"it's 3 ü😀"}) and not (d eq ${2.5})`));
  await refused(400, "InvalidInput", find("i eq"));
  await refused(400, "InvalidInput", find("(i eq 1"));
});

group("select", async () => {
  const table = await newTable();
  await table.createEntity({ ...keys("p"), a: 1, b: 2n, c: 3 });
  expect({ a: 1, b: 2n }, own(await table.getEntity("p", "r", { queryOptions: { select: ["a", "b"] } })));
  expect([{ rowKey: "r", c: 3 }], (await query(table, undefined, ["rowKey", "c"])).map(own));
  expect([{ a: 1 }], (await query(table, "c eq 3", ["a"])).map(own));
});

group("transactions: all operations, then their results", async () => {
  const table = await newTable();
  const { etag } = await table.createEntity({ ...keys("p", "update"), a: 1 });
  await table.createEntity({ ...keys("p", "merge"), a: 1 });
  await table.createEntity({ ...keys("p", "delete"), a: 1 });
  const transaction = new TableTransaction();
  transaction.createEntity({ ...keys("p", "create"), n: 1 });
  transaction.upsertEntity({ ...keys("p", "upsert"), n: 1 }, "Replace");
  transaction.updateEntity({ ...keys("p", "update"), n: 1 }, "Replace", { etag });
  transaction.upsertEntity({ ...keys("p", "merge"), n: 1 });
  transaction.deleteEntity("p", "delete");
  const result = await table.submitTransaction(transaction.actions);
  expect([202, 5], [result.status, result.subResponses.length]);
  const found = Object.fromEntries((await all(table.listEntities())).map((e) => [e.rowKey, e]));
  expect({ ...keys("p", "create"), n: 1 }, own(found.create));
  expect({ ...keys("p", "upsert"), n: 1 }, own(found.upsert));
  expect({ ...keys("p", "update"), n: 1 }, own(found.update));
  expect({ ...keys("p", "merge"), a: 1, n: 1 }, own(found.merge));
  expect(undefined, found.delete);
  expect([...["create", "upsert", "update", "merge"].map((r) => found[r].etag), undefined],
         result.subResponses.map((r) => r.etag?.trim()), "etags");
  expect([204, 204, 204, 204, 204], result.subResponses.map((r) => r.status));
  expect(204, result.getResponseForEntity("create")?.status, "response for the created one");

  const many = Array.from({ length: 100 }, (_, i) => ({ ...keys("many", String(i).padStart(2, "0")), i }));
  expect(100, (await table.submitTransaction(many.map((e) => ["upsert", e]))).subResponses.length);
  const inserted = await query(table, "PartitionKey eq 'many'");
  expect(many, inserted.map(own).sort((a, b) => a.i - b.i));
});

group("transactions: a failure names the operation and undoes the rest", async () => {
  const table = await newTable();
  const { etag } = await table.createEntity({ ...keys("p", "there"), a: 1 });
  await table.updateEntity({ ...keys("p", "there"), a: 2 });
  const change = ["upsert", { ...keys("p", "there"), a: 3 }];
  const create = ["create", keys("p", "new")];

  const fails = async (status, code, index, ...actions) => {
    const error = await refused(status, code, table.submitTransaction(actions));
    if (index > 0) expect(`${index}`, error.message.split(":")[0], "index"); // the service leaves out a 0
    expect([2], (await all(table.listEntities())).map((e) => e.a), "undone");
  };
  await fails(409, "EntityAlreadyExists", 1, create, ["create", keys("p", "there")]);
  await fails(409, "EntityAlreadyExists", 0, ["create", keys("p", "there")], create);
  await fails(404, "ResourceNotFound", 2, change, create, ["update", keys("p", "missing")]);
  await fails(404, "ResourceNotFound", 2, change, create, ["delete", keys("p", "missing")]);
  await fails(412, "UpdateConditionNotSatisfied", 1, create,
              ["update", keys("p", "there"), "Merge", { etag }]);
  await fails(400, "InvalidDuplicateRow", 2, change, create, ["upsert", keys("p", "new")]);
  const large = numbered(10, "x".repeat(30_000));
  await fails(413, isStorage ? "RequestBodyTooLarge" : null, 0,
              ...[...Array(15).keys()].map((i) => ["upsert", { ...keys("p", `l${i}`), ...large }]));
  await refused(404, noTable, tableNamed(newName()).submitTransaction([create]));
  const many = [...Array(101).keys()].map((i) => ["upsert", keys("p", `m${i}`)]);
  await serviceOnly("a transaction has 100 operations at most", () =>
    isStorage ? fails(400, "InvalidInput", 99, ...many) : fails(400, null, 0, ...many));
});

storageGroup("errors: values and names that are too large or bad", async () => {
  const table = await newTable();
  for (const v of ["x".repeat(32_769), new Uint8Array(65_537)]) {
    await refused(400, "PropertyValueTooLarge", table.createEntity({ ...keys("p"), v }));
  }
  const large = { ...keys("p"), ...numbered(40, "x".repeat(30_000)) };
  await refused(400, "EntityTooLarge", table.upsertEntity(large));
  await refused(400, null, table.createEntity(keys("p".repeat(513))));
  await serviceOnly("too many properties are refused", async () => {
    await table.createEntity({ ...keys("p", "most"), ...numbered(252, 1) });
    await refused(400, "TooManyProperties", table.createEntity({ ...keys("p"), ...numbered(253, 1) }));
  });
  await serviceOnly("a bad property name is refused", () =>
    refused(400, null, table.createEntity({ ...keys("p", "name"), "a-b": 1 })));
  const bad = { ab: "OutOfRangeInput", "1ab": "InvalidResourceName", "a-b": "InvalidResourceName",
                ["x".repeat(64)]: "OutOfRangeInput" };
  for (const name in bad) await refused(400, null, service.createTable(name));
  await serviceOnly("a bad table name is refused by code", async () => {
    for (const name in bad) await refused(400, bad[name], service.createTable(name));
  });
});

cosmosGroup("errors: names and values", async () => {
  const table = await newTable();
  await table.createEntity({ ...keys("p", "large"), v: "x".repeat(40_000) });
  expect(40_000, (await table.getEntity("p", "large")).v.length);
  const large = { ...keys("p"), ...numbered(80, "x".repeat(32_000)) }; // 2.5 MB
  await refused([400, 413], null, table.createEntity(large));
  await refused(400, null, table.createEntity(keys("p", "r".repeat(256))));
});

group("errors: a wrong key", async () => {
  const table = await newTable();
  const wrong = tableWith(new AzureNamedKeyCredential(settings.AccountName, "d3Jvbmcga2V5"), table.tableName);
  const status = isStorage ? 403 : [401, 403];
  await refused(status, null, wrong.getEntity("p", "r"));
  await refused(status, null, wrong.createEntity(keys("p")));
  await refused(status, null, wrong.submitTransaction([["create", keys("p")]]));
  expect([], await all(table.listEntities()), "entities");
  if (isStorage) {
    await serviceOnly("a wrong key is refused by code", () =>
      refused(403, "AuthenticationFailed", wrong.createEntity(keys("p"))));
  }
});

const hour = 3_600_000;
const soon = { startsOn: new Date(Date.now() - hour / 6), expiresOn: new Date(Date.now() + hour) };
const expired = { startsOn: new Date(Date.now() - 2 * hour), expiresOn: new Date(Date.now() - hour) };
const everything = { query: true, add: true, update: true, delete: true };

storageGroup("account SAS: reads, writes, what it does not permit", async () => {
  const sas = (resourceTypes, permissions, times = soon) =>
    generateAccountSas(key, { resourceTypes, permissions, ...times });
  const allOfIt = sas("sco", { ...everything, list: true, write: true });
  const bySas = new TableServiceClient(endpoint, new AzureSASCredential(allOfIt), { ...clientOptions });
  const name = newName();
  await bySas.createTable(name);
  const filter = odata`TableName eq ${name}`;
  expect([name], names(await all(bySas.listTables({ queryOptions: { filter } }))));
  const table = tableWithSas(allOfIt, name);
  const { etag } = await table.createEntity({ ...keys("p"), a: 1 });
  await table.updateEntity({ ...keys("p"), a: 2 }, "Merge", { etag });
  await table.upsertEntity({ ...keys("p", "s"), a: 3 }, "Replace");
  await table.submitTransaction([["create", keys("p", "t")], ["delete", keys("p", "s")]]);
  expect(["r", "t"], rows(await query(table, odata`PartitionKey eq ${"p"}`)));
  expect(2, (await table.getEntity("p", "r")).a);
  await table.deleteEntity("p", "r");
  await refused(404, "ResourceNotFound", table.getEntity("p", "r"));

  // The other way to use one.
  const url = `TableEndpoint=${endpoint};SharedAccessSignature=${allOfIt}`;
  const byString = TableClient.fromConnectionString(url, name, { ...clientOptions });
  await byString.createEntity(keys("p", "u"));
  await byString.submitTransaction([["delete", keys("p", "u")]]);

  const readOnly = tableWithSas(sas("sco", { query: true, list: true }), name);
  expect("t", (await readOnly.getEntity("p", "t")).rowKey);
  await refused(403, "AuthorizationPermissionMismatch", readOnly.createEntity(keys("q")));
  await refused(403, "AuthorizationPermissionMismatch", readOnly.upsertEntity(keys("p", "t")));
  await refused(403, "AuthorizationPermissionMismatch", readOnly.deleteEntity("p", "t"));
  const noObjects = tableWithSas(sas("sc", { query: true, list: true }), name);
  await refused(403, "AuthorizationResourceTypeMismatch", noObjects.getEntity("p", "t"));
  const late = tableWithSas(sas("sco", { query: true }, expired), name);
  await refused(403, null, late.getEntity("p", "t"));
  await serviceOnly("an expired SAS is refused by code", () =>
    refused(403, "AuthenticationFailed", late.getEntity("p", "t")));
  await serviceOnly("an account SAS for objects reads them", async () =>
    expect(["t"], rows(await all(tableWithSas(sas("o", { query: true }), name).listEntities()))));
});

storageGroup("table SAS: reads, writes, what it does not permit", async () => {
  const table = await newTable("Sas"); // whose name is signed in lower case
  const name = table.tableName;
  const sas = (permissions, more) =>
    tableWithSas(generateTableSas(name, key, { permissions, ...soon, ...more }), name);
  const allOfIt = sas(everything);
  await allOfIt.createEntity({ ...keys("p"), a: 1 });
  await allOfIt.upsertEntity({ ...keys("p"), b: 2 });
  await allOfIt.updateEntity({ ...keys("p"), c: 3 });
  expect({ ...keys("p"), a: 1, b: 2, c: 3 }, own(await allOfIt.getEntity("p", "r")));
  await allOfIt.createEntity(keys("p", "s"));
  await allOfIt.deleteEntity("p", "s");
  expect(["r"], rows(await all(allOfIt.listEntities())));
  await refused(403, null, allOfIt.createTable());
  const other = await newTable();
  await refused(403, null,
                all(tableWithSas(generateTableSas(name, key, soon), other.tableName).listEntities()));

  expect(3, (await sas({ query: true }).getEntity("p", "r")).c);
  await refused(403, "AuthorizationPermissionMismatch", sas({ query: true }).createEntity(keys("q")));
  await refused(403, "AuthorizationPermissionMismatch", sas({ add: true }).getEntity("p", "r"));
  await refused(403, "AuthorizationPermissionMismatch",
                sas({ ...everything, delete: false }).deleteEntity("p", "r"));
  await refused(403, null, sas({ query: true }, expired).getEntity("p", "r"));
  await serviceOnly("a table SAS covers transactions", async () => {
    await allOfIt.submitTransaction([["create", keys("b", "1")], ["create", keys("b", "2")]]);
    expect(["1", "2"], rows(await query(allOfIt, "PartitionKey eq 'b'")));
    await refused(403, null, sas({ query: true }).submitTransaction([["create", keys("b", "3")]]));
  });
  await serviceOnly("a table SAS is held to its range of keys", async () => {
    await table.createEntity(keys("range", "a"));
    await table.createEntity(keys("range", "c"));
    const part = sas(everything, { startPartitionKey: "range", startRowKey: "b", endPartitionKey: "range",
                                   endRowKey: "d" });
    expect(["c"], rows(await all(part.listEntities())));
    await refused(403, null, part.createEntity(keys("range", "e")));
  });
});

storageGroup("access policies, and a table SAS by one", async () => {
  const table = await newTable();
  const name = table.tableName;
  const policies = async () => [...await table.getAccessPolicy()];
  expect([], await policies(), "at first");
  const [start, expiry] = [soon.startsOn, soon.expiresOn].map((t) => new Date(Math.floor(t / 1000) * 1000));
  const policy = (id, permission) => ({ id, accessPolicy: { start, expiry, permission } });
  const two = [policy("reader", "r"), policy("writer & co", "raud")];
  await table.setAccessPolicy(two);
  expect(two, await policies());

  const sas = (identifier) => tableWithSas(generateTableSas(name, key, { identifier }), name);
  await sas("writer & co").createEntity({ ...keys("p"), a: 1 });
  expect(1, (await sas("reader").getEntity("p", "r")).a);
  await refused(403, null, sas("reader").createEntity(keys("q")));
  await refused(403, null, sas("unknown").getEntity("p", "r"));

  await table.setAccessPolicy([policy("other", "r")]);
  expect([policy("other", "r")], await policies(), "replaced");
  await refused(403, null, sas("reader").getEntity("p", "r"));
  await refused(400, "InvalidXmlDocument",
                table.setAccessPolicy([..."123456"].map((id) => policy(id, "r"))));
  expect([policy("other", "r")], await policies(), "as before");
  await table.setAccessPolicy([]);
  expect([], await policies(), "removed");
  await refused(404, "TableNotFound", tableNamed(newName()).getAccessPolicy());
});

storageGroup("service properties: set some, the others stay", async () => {
  const minuteMetrics = { version: "1.0", enabled: true, includeAPIs: true,
                          retentionPolicy: { enabled: true, days: 5 } };
  const rule = { allowedOrigins: "https://a.example", allowedMethods: "GET,PUT", allowedHeaders: "x-a",
                 exposedHeaders: "x-b", maxAgeInSeconds: 5 };
  await service.setProperties({ minuteMetrics });
  await service.setProperties({ cors: [rule] });
  const properties = await service.getProperties();
  expect(minuteMetrics, properties.minuteMetrics, "kept");
  expect([rule], properties.cors, "cors");
  expect(["1.0", "1.0"], [properties.logging?.version, properties.hourMetrics?.version], "never set");
  const off = { version: "1.0", enabled: false, retentionPolicy: { enabled: false } };
  await service.setProperties({ cors: [], minuteMetrics: off });
  expect(false, (await service.getProperties()).minuteMetrics.enabled, "no metrics");
});

console.log(`Node.js ${process.version}, @azure/data-tables ${version}, ${options.server}, ${options.mode}`);
let failures = 0;
for (const { name, run } of groups) {
  const started = Date.now();
  try {
    await run();
    console.log(`ok   ${name} (${((Date.now() - started) / 1000).toFixed(1)} s)`);
  } catch (e) {
    failures++;
    const lines = [...(e.stack ?? "").matchAll(/node_sdk_test\.mjs:(\d+)/g)].map((match) => match[1]);
    const where = lines.length > 1 ? `, line ${lines.at(-2)}` : "";
    const what = e instanceof RestError ? `${e.statusCode} ${codeOf(e)}: ${e.message}` : e.message;
    console.log(`FAILED: ${name}${where}: ${what}`);
  }
}
for (const name of tables) await service.deleteTable(name);
if (options.server === "azurite" && !failures) {
  for (const name in azuriteDiffers) {
    if (!seen.has(name)) {
      failures++;
      console.log(`FAILED: nothing checks that Azurite differs: ${name}`);
    }
  }
}
console.log(`${groups.length} groups, ${failures} failures`);
process.exitCode = failures ? 1 : 0;
