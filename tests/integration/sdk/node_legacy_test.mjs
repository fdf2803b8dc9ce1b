#!/usr/bin/env node
// Microsoft's former JavaScript client (azure-storage), which many programs still use. AZKV_CONNECTION_STRING
// names the table service. It writes doubles as JSON texts and uses the verb MERGE, and never was for Cosmos DB.
//
//   node_legacy_test.mjs [--server emulator|azurite]

import { isDeepStrictEqual, inspect, parseArgs, promisify } from "node:util";

import { load } from "./npm.mjs";

process.noDeprecation = true; // it uses functions of Node.js that are deprecated
const { package: sdk, version } = load("azure-storage");
const { TableBatch, TableQuery, TableUtilities } = sdk;
const { entityGenerator: as, TableOperators, QueryComparisons } = TableUtilities;
const { int32Filter, int64Filter, doubleFilter, booleanFilter, dateFilter, guidFilter, binaryFilter,
        stringFilter, combineFilters } = TableQuery;

// Where Azurite differs from the service. There these groups must fail, or leave this list.
const azuriteDiffers = {
  "batches: all operations, failures, a query": "the client cannot read its answer to a query in a batch",
  "signatures of a table, with a stored policy, of the account":
    "AuthorizationFailure in place of AuthorizationPermissionMismatch",
  "service properties, with rules for browsers": "it takes a retention of 366 days",
};

const { values: options } = parseArgs({ options: { server: { type: "string", default: "emulator" } } });
if (!["emulator", "azurite"].includes(options.server)) {
  console.error("node_legacy_test.mjs [--server emulator|azurite]");
  process.exit(2);
}

const connectionString = process.env.AZKV_CONNECTION_STRING;
const settings = Object.fromEntries(connectionString.split(";").filter(Boolean).map((part) => {
  const at = part.indexOf("=");
  return [part.slice(0, at), part.slice(at + 1)];
}));
const endpoint = settings.TableEndpoint.replace(/\/$/, "");

/** A service whose functions return promises. */
function promising(service) {
  return new Proxy(service, {
    get: (target, name) => name.startsWith("generate")
      ? target[name].bind(target)
      : promisify(target[name]).bind(target),
  });
}

const service = promising(sdk.createTableService(connectionString));
const withSas = (sas) => promising(sdk.createTableServiceWithSas(endpoint, sas));

class Failed extends Error {}

const short = (v) => inspect(v, { depth: 6, breakLength: Infinity, maxStringLength: 200 }).slice(0, 300);

function expect(expected, actual, what = "value") {
  if (!isDeepStrictEqual(actual, expected)) {
    throw new Failed(`${what}: expected ${short(expected)}, was ${short(actual)}`);
  }
}

async function refused(status, code, promise) {
  let error;
  try {
    await promise;
  } catch (e) {
    error = e;
  }
  if (!error) throw new Failed(`not refused with ${code}`);
  if (error.statusCode === undefined) throw error;
  expect([status, code], [error.statusCode, error.code], `refusal ${short(error.message)}`);
  return error;
}

const groups = [];
const group = (name, run) => groups.push({ name, run });

const tables = [];
const unique = `legacy${process.pid}x${Math.floor(Date.now() / 1000)}`;

const newName = (prefix = "t") => {
  tables.push(`${prefix}${unique}n${tables.length}`);
  return tables.at(-1);
};

async function newTable(prefix) {
  const name = newName(prefix);
  await service.createTable(name);
  return name;
}

const keys = (partition, row = "r") => ({ PartitionKey: as.String(partition), RowKey: as.String(row) });
const get = (table, partition, row = "r") => service.retrieveEntity(table, partition, row);
const etagOf = (entity) => entity[".metadata"].etag;

/** The values of an entity without what the service adds to it. */
function own(entity) {
  const { PartitionKey, RowKey, Timestamp, ".metadata": metadata, ...rest } = entity;
  return Object.fromEntries(Object.entries(rest).map(([name, p]) => [name, p._]));
}

async function rows(table, query) {
  const found = [];
  let token = null;
  do {
    const page = await service.queryEntities(table, query, token);
    found.push(...page.entries);
    token = page.continuationToken;
  } while (token);
  return found;
}

const rowKeys = async (table, query) => (await rows(table, query)).map((e) => e.RowKey._).sort();

group("tables: create, exists, list, delete", async () => {
  const made = [..."abc"].map((letter) => newName(`list${letter}`));
  for (const name of made) await service.createTable(name);
  await refused(409, "TableAlreadyExists", service.createTable(made[0]));
  expect(false, (await service.createTableIfNotExists(made[0])).created, "created again");
  expect(true, (await service.doesTableExist(made[0])).exists);
  const prefix = made[0].slice(0, 4);
  const listed = (await service.listTablesSegmentedWithPrefix(prefix, null, { maxResults: 2 })).entries;
  expect(2, listed.length, "a page");
  await service.deleteTable(made[0]);
  expect(false, (await service.doesTableExist(made[0])).exists);
  expect(false, await service.deleteTableIfExists(made[0]));
  await refused(404, "ResourceNotFound", service.deleteTable(made[0]));
  await refused(404, "TableNotFound", service.insertEntity(made[0], keys("p")));
});

const typed = {
  string: as.String("it's größe 日本 \u{1F600}"), empty: as.String(""), int32: as.Int32(-5),
  int64: as.Int64("9223372036854775807"), double: as.Double(3.25), whole: as.Double(5),
  large: as.Double(1.23456789012346e24), yes: as.Boolean(true), no: as.Boolean(false),
  time: as.DateTime(new Date("2024-02-29T12:34:56.789Z")), binary: as.Binary(Buffer.from([0, 1, 255])),
  guid: as.Guid("c9da6455-213d-42c9-9a79-3e9149a57833"),
};

group("values of all types, there and back", async () => {
  const table = await newTable();
  const expected = Object.fromEntries(Object.entries(typed).map(([name, p]) => [name, p._]));
  await service.insertEntity(table, { ...keys("p", "typed"), ...typed });
  expect(expected, own(await get(table, "p", "typed")));
  const { int64, guid, binary, ...plain } = expected; // those of which it finds the type itself
  await service.insertEntity(table, { PartitionKey: "p", RowKey: "plain", ...plain });
  expect(plain, own(await get(table, "p", "plain")), "untyped");
  for (const value of [NaN, Infinity, -Infinity]) {
    await service.insertOrReplaceEntity(table, { ...keys("p", "special"), value: as.Double(value) });
    expect({ value }, own(await get(table, "p", "special")));
  }
  for (const v of [as.Int32("-3.1"), as.Double("x")]) {
    await refused(400, "InvalidInput", service.insertEntity(table, { ...keys("p", "bad"), v }));
  }
});

group("insert, replace, merge, delete; with and without etags", async () => {
  const table = await newTable();
  const inserted = await service.insertEntity(table, { ...keys("p"), a: as.Int32(1) });
  expect(etagOf(inserted), etagOf(await get(table, "p")), "etag");
  const echo = { ...keys("p", "echo"), a: as.Int32(1) };
  expect({ a: 1 }, own(await service.insertEntity(table, echo, { echoContent: true })), "echoed");
  await refused(409, "EntityAlreadyExists", service.insertEntity(table, keys("p")));
  const same = { ".metadata": { etag: etagOf(inserted) } };
  await service.mergeEntity(table, { ...keys("p"), b: as.Double(2.5), ...same });
  expect({ a: 1, b: 2.5 }, own(await get(table, "p")));
  const stale = { ...keys("p"), c: as.Int32(3), ...same };
  await refused(412, "UpdateConditionNotSatisfied", service.mergeEntity(table, stale));
  await refused(412, "UpdateConditionNotSatisfied", service.replaceEntity(table, stale));
  await refused(412, "UpdateConditionNotSatisfied", service.deleteEntity(table, stale));
  await service.replaceEntity(table, { ...keys("p"), c: as.Boolean(true) });
  expect({ c: true }, own(await get(table, "p")));
  await service.insertOrMergeEntity(table, { ...keys("q"), a: as.Int32(1) });
  await service.insertOrMergeEntity(table, { ...keys("q"), b: as.Int32(2) });
  expect({ a: 1, b: 2 }, own(await get(table, "q")));
  await service.insertOrReplaceEntity(table, { ...keys("q"), b: as.Int32(3) });
  expect({ b: 3 }, own(await get(table, "q")));
  await service.deleteEntity(table, keys("q"));
  await refused(404, "ResourceNotFound", get(table, "q"));
  await refused(404, "ResourceNotFound", service.deleteEntity(table, keys("q")));
  await refused(404, "ResourceNotFound", service.mergeEntity(table, keys("q")));
});

group("keys of all characters", async () => {
  const table = await newTable();
  for (const k of ["it's", "''", "a b", "50%", "%27", "+&=;,", "größe 日本", "\u{1F600}", " "]) {
    await service.insertEntity(table, { ...keys(k, k), k: as.String(k) });
    expect({ k }, own(await get(table, k, k)));
    await service.mergeEntity(table, { ...keys(k, k), n: as.Int32(1) });
    expect([k], await rowKeys(table, new TableQuery().where("PartitionKey == ?", k)));
    await service.deleteEntity(table, keys(k, k));
  }
});

group("queries: filters of all types, selection, pages", async () => {
  const table = await newTable();
  await service.insertEntity(table, { ...keys("p", "typed"), ...typed });
  for (let i = 0; i < 5; ++i) await service.insertEntity(table, { ...keys("n", `${i}`), i: as.Int32(i) });
  const { EQUAL, LESS_THAN, GREATER_THAN_OR_EQUAL } = QueryComparisons;
  for (const filter of [
    stringFilter("string", EQUAL, typed.string._), int32Filter("int32", EQUAL, -5),
    int64Filter("int64", EQUAL, typed.int64._), doubleFilter("double", EQUAL, 3.25),
    booleanFilter("yes", EQUAL, true), dateFilter("time", EQUAL, typed.time._),
    guidFilter("guid", EQUAL, typed.guid._), binaryFilter("binary", EQUAL, typed.binary._),
  ]) {
    expect(["typed"], await rowKeys(table, new TableQuery().where(filter)), filter);
  }
  const some = combineFilters(int32Filter("i", GREATER_THAN_OR_EQUAL, 1), TableOperators.AND,
                              int32Filter("i", LESS_THAN, 4));
  expect(["1", "2", "3"], await rowKeys(table, new TableQuery().where(some)));
  const twoRows = new TableQuery().top(2).where("PartitionKey == ?", "n");
  const page = await service.queryEntities(table, twoRows, null);
  expect(["0", "1"], page.entries.map((e) => e.RowKey._), "first page");
  const next = await service.queryEntities(table, twoRows, page.continuationToken);
  expect(["2", "3"], next.entries.map((e) => e.RowKey._), "second page");
  const selected = await rows(table, new TableQuery().select("i", "none").where("RowKey == ?", "3"));
  const missing = options.server === "azurite" ? undefined : null; // which Azurite leaves out
  expect([3, missing], [selected[0].i._, selected[0].none?._]);
  expect(undefined, selected[0].RowKey, "not selected");
  await refused(400, "InvalidInput", rows(table, new TableQuery().where("aaa bbb ccc")));
});

group("batches: all operations, failures, a query", async () => {
  const table = await newTable();
  for (const row of ["replace", "merge", "delete"]) {
    await service.insertEntity(table, { ...keys("p", row), a: as.Int32(1) });
  }
  const batch = new TableBatch();
  batch.insertEntity({ ...keys("p", "insert"), ...typed }, { echoContent: false });
  batch.replaceEntity({ ...keys("p", "replace"), b: as.Double(2.5) });
  batch.mergeEntity({ ...keys("p", "merge"), b: as.Double(2.5) });
  batch.insertOrReplaceEntity({ ...keys("p", "or replace"), b: as.Int32(2) });
  batch.insertOrMergeEntity({ ...keys("p", "or merge"), b: as.Int32(2) });
  batch.deleteEntity(keys("p", "delete"));
  const results = await service.executeBatch(table, batch);
  expect([204, 204, 204, 204, 204, 204], results.map((r) => r.response.statusCode));
  expect({ a: 1, b: 2.5 }, own(await get(table, "p", "merge")));
  expect({ b: 2.5 }, own(await get(table, "p", "replace")));
  expect(["insert", "merge", "or merge", "or replace", "replace"], await rowKeys(table, new TableQuery()));

  const failing = new TableBatch();
  failing.insertEntity(keys("p", "new"), { echoContent: false });
  failing.insertEntity(keys("p", "insert"), { echoContent: false });
  await refused(409, "EntityAlreadyExists", service.executeBatch(table, failing));
  await refused(404, "ResourceNotFound", get(table, "p", "new"));
  const stale = new TableBatch();
  const etag = `W/"datetime'2012-06-15T22%3A51%3A44Z'"`;
  stale.mergeEntity({ ...keys("p", "merge"), ".metadata": { etag } });
  await refused(412, "UpdateConditionNotSatisfied", service.executeBatch(table, stale));

  const reading = new TableBatch();
  reading.retrieveEntity("p", "merge");
  expect({ a: 1, b: 2.5 }, own((await service.executeBatch(table, reading))[0].entity), "read in a batch");
  const missing = new TableBatch();
  missing.retrieveEntity("p", "none");
  await refused(404, "ResourceNotFound", service.executeBatch(table, missing));
  const nowhere = new TableBatch();
  nowhere.insertEntity(keys("p"), { echoContent: false });
  await refused(404, "TableNotFound", service.executeBatch(newName(), nowhere));

  const hundred = new TableBatch();
  for (let i = 0; i < 100; ++i) hundred.insertOrReplaceEntity({ ...keys("h", `${i}`), v: as.Double(i) });
  await service.executeBatch(table, hundred);
  expect(100, (await rows(table, new TableQuery().where("PartitionKey == ?", "h"))).length);
});

const minutes = (n) => new Date(Date.now() + n * 60_000);

group("signatures of a table, with a stored policy, of the account", async () => {
  const table = await newTable();
  await service.insertEntity(table, { ...keys("p"), a: as.Int32(1) });
  const { QUERY, ADD, UPDATE, DELETE } = TableUtilities.SharedAccessPermissions;
  const token = (policy) => withSas(service.generateSharedAccessSignature(table, policy));
  const may = (Permissions, Expiry = minutes(5)) => token({ AccessPolicy: { Permissions, Expiry } });
  const reader = may(QUERY);
  expect({ a: 1 }, own(await reader.retrieveEntity(table, "p", "r")));
  await refused(403, "AuthorizationPermissionMismatch", reader.insertEntity(table, keys("q")));
  const writer = may(ADD + UPDATE + DELETE);
  const batch = new TableBatch();
  batch.insertOrReplaceEntity({ ...keys("q"), b: as.Int32(2) });
  await writer.executeBatch(table, batch);
  await refused(403, "AuthenticationFailed", may(QUERY, minutes(-5)).retrieveEntity(table, "p", "r"));

  await service.setTableAcl(table, { stored: { Permissions: QUERY, Expiry: minutes(5) } });
  expect(["stored"], Object.keys((await service.getTableAcl(table)).signedIdentifiers));
  expect({ b: 2 }, own(await token({ Id: "stored" }).retrieveEntity(table, "q", "r")));

  const all = { Services: "t", ResourceTypes: "sco", Permissions: "rwdlacu", Expiry: minutes(5) };
  const account = withSas(sdk.generateAccountSharedAccessSignature(settings.AccountName, settings.AccountKey,
                                                                   { AccessPolicy: all }));
  expect({ a: 1 }, own(await account.retrieveEntity(table, "p", "r")));
  expect("1.0", (await account.getServiceProperties()).Logging.Version, "by a signature");
  await account.createTable(newName());
});

group("service properties, with rules for browsers", async () => {
  const properties = await service.getServiceProperties();
  properties.HourMetrics = { Version: "1.0", Enabled: true, IncludeAPIs: true,
                             RetentionPolicy: { Enabled: true, Days: 5 } };
  properties.Cors = { CorsRule: [{ AllowedOrigins: ["https://a.example"], AllowedMethods: ["GET", "PUT"],
                                   AllowedHeaders: ["x-a"], ExposedHeaders: ["x-b"], MaxAgeInSeconds: 5 }] };
  await service.setServiceProperties(properties);
  const now = await service.getServiceProperties();
  expect([true, 5], [now.HourMetrics.Enabled, now.HourMetrics.RetentionPolicy.Days]);
  expect(["https://a.example"], now.Cors.CorsRule[0].AllowedOrigins);
  properties.HourMetrics.RetentionPolicy.Days = 366;
  await refused(400, "InvalidXmlDocument", service.setServiceProperties(properties));
  properties.HourMetrics = { Version: "1.0", Enabled: false, RetentionPolicy: { Enabled: false } };
  properties.Cors = {};
  await service.setServiceProperties(properties);
  expect(false, (await service.getServiceProperties()).HourMetrics.Enabled);
});

console.log(`Node.js ${process.version}, azure-storage ${version}, ${options.server}`);
let failures = 0;
for (const { name, run } of groups) {
  const different = options.server === "azurite" ? azuriteDiffers[name] : undefined;
  try {
    await run();
    console.log(`ok   ${name}`);
    if (different) throw new Failed("Azurite is as the service by now");
  } catch (e) {
    if (different && e.message !== "Azurite is as the service by now") {
      console.log(`     differs: ${name} (Azurite: ${different})`);
      continue;
    }
    failures++;
    const lines = [...(e.stack ?? "").matchAll(/node_legacy_test\.mjs:(\d+)/g)].map((match) => match[1]);
    const what = e.statusCode ? `${e.statusCode} ${e.code}: ${e.message}` : e.message;
    console.log(`FAILED: ${name}, line ${lines.at(-1) ?? "?"}: ${what}`);
  }
}
for (const name of tables) await service.deleteTableIfExists(name);
console.log(`${groups.length} groups, ${failures} failures`);
process.exitCode = failures ? 1 : 0;
