#!/usr/bin/env node
// The costs of calls of Microsoft's JavaScript client, as azkv-network-bench measures those of azkv.
//
//   canned -- node_bench.mjs get|put|put_all|query CALLS

import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const require = createRequire(fileURLToPath(new URL("../../../.cache/node-sdk/package.json", import.meta.url)));
let sdk;
try {
  sdk = require("@azure/data-tables");
} catch (e) {
  console.error(`node_bench: ${e.message.split("\n")[0]}; run cmake/setup --tests`);
  process.exit(1);
}

// The account that every emulator has, with its public key.
const key = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
const table = new sdk.TableClient(process.env.AZKV_BENCH_URL, "kvbench",
                                  new sdk.AzureNamedKeyCredential("devstoreaccount1", key),
                                  { allowInsecureConnection: true });
const texts = Object.fromEntries([0, 1, 2, 3, 4].map((i) => [`p${i}`, "x".repeat(180)]));
const rows = Array.from({ length: 100 }, (_, i) => ({ partitionKey: "default", rowKey: `r${i}`, ...texts }));

// Each returns the number of entities it handled.
const works = {
  async get() {
    await table.getEntity("default", "r000001");
    return 1;
  },
  async put() {
    await table.upsertEntity(rows[0], "Replace");
    return 1;
  },
  async put_all() {
    await table.submitTransaction(rows.map((row) => ["upsert", row, "Replace"]));
    return rows.length;
  },
  async query() {
    let n = 0;
    for await (const row of table.listEntities()) n += row.rowKey ? 1 : 0;
    return n;
  },
};

const call = works[process.argv[2]];
const calls = Number(process.argv[3]);
for (let i = 0; i < Math.max(1, calls / 10); ++i) await call();
const start = process.cpuUsage();
let entities = 0;
for (let i = 0; i < calls; ++i) entities += await call();
const used = process.cpuUsage(start);
console.log(`calls=${calls} entities=${entities} cpu_us=${((used.user + used.system) / entities).toFixed(1)}`);
process.exit(); // connections are kept open
