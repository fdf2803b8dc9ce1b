// The npm packages that cmake/setup has installed for these tests.

import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const packages = fileURLToPath(new URL("../../../.cache/node-sdk/package.json", import.meta.url));

/** Returns a package and its version. Without it the test ends. */
export function load(name) {
  try {
    const require = createRequire(packages);
    return { package: require(name), version: require(`${name}/package.json`).version };
  } catch (e) {
    console.error(`${name}: ${e.message.split("\n")[0]}; run cmake/setup --tests`);
    process.exit(1);
  }
}
