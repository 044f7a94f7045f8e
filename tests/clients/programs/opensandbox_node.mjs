// dialect: opensandbox
// client: Node
import { check, run } from "./checks.mjs";
import assert from "node:assert/strict";

check("The execution daemon answers a ping.", async (url) => {
  assert.equal((await fetch(url + "/ping")).status, 200);
});

await run((url) => url);
