// Runs the checks of a program in Node: all in one process, each told as a line of JSON.
//
// A program calls `check("What it shows.", async (made) => { … })` for each, then `await run(setup)`; `setup` makes of the
// daemon's address what each check gets.
import { writeSync } from "node:fs";

const LIMIT_MS = 20_000; // a check that waits for ever does not keep the others from running
const checks = [];

export function check(sentence, body) {
  checks.push({ sentence, body });
}

function late() {
  return new Promise((_, reject) => setTimeout(reject, LIMIT_MS, new Error(`not done in ${LIMIT_MS} ms`)).unref());
}

export async function run(setup) {
  console.log = console.error; // a client may print
  const made = await setup(process.argv[2]);
  for (const { sentence, body } of checks) {
    let error = null;
    try {
      await Promise.race([body(made), late()]);
    } catch (caught) {
      error = String(caught?.stack ?? caught);
    }
    const first = sentence.split(". ")[0].replace(/\.$/, "");
    writeSync(1, JSON.stringify({ check: first, error }) + "\n");
  }
  process.exit(0); // a client may hold a connection
}
