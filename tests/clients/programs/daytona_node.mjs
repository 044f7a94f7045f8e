// dialect: native
// client: Node
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Daytona, DaytonaConnectionError, DaytonaError, DaytonaTimeoutError } from "@daytonaio/sdk";
import { check, run } from "./checks.mjs";
import { SANDBOX, service } from "./daytona_service.mjs";

check("Code returns its output, apart for `stdout` and `stderr`.", async (py) => {
  const result = await py.runCode("import sys\nprint('out ☃')\nprint('err', file=sys.stderr)");
  assert.deepEqual([result.stdout, result.stderr, result.error], ["out ☃\n", "err\n", undefined]);
});

check("The default context keeps its variables.", async (py) => {
  await py.runCode("x = 6");
  assert.equal((await py.runCode("print(x * 7)")).stdout, "42\n");
});

check("Output comes while the code runs.", async (py) => {
  const fifo = join(mkdtempSync(join(tmpdir(), "daytona-")), "fifo");
  execFileSync("mkfifo", [fifo]);
  const seen = [];
  const code = `print('before', flush=True); print(open(${JSON.stringify(fifo)}).read())`;
  const result = await py.runCode(code, {
    onStdout: ({ output }) => {
      seen.push(output);
      if (output === "before\n") writeFileSync(fifo, "go on");
    },
  });
  assert.equal(seen[0], "before\n");
  assert.equal(result.stdout, "before\ngo on\n");
});

check("Callbacks get output and the error.", async (py) => {
  const out = [], err = [], errors = [];
  const result = await py.runCode("import sys\nprint('out')\nprint('err', file=sys.stderr)\nint('x')", {
    onStdout: ({ output }) => out.push(output),
    onStderr: ({ output }) => err.push(output),
    onError: (error) => errors.push(error),
  });
  assert.deepEqual([out.join(""), err.join("")], ["out\n", "err\n"]);
  assert.deepEqual(errors, [result.error]);
  assert.equal(result.error.name, "ValueError");
  assert.match(result.error.traceback, /int\('x'\)/);
});

check("Environment variables are for one execution.", async (py) => {
  const code = "import os; print(os.environ.get('GREETING'))";
  assert.equal((await py.runCode(code, { envs: { GREETING: "hello" } })).stdout, "hello\n");
  assert.equal((await py.runCode(code)).stdout, "None\n");
});

check("A timeout interrupts the code, and the context keeps its variables.", async (py) => {
  await py.runCode("kept = 'kept'");
  const errors = [];
  const running = py.runCode("while True: pass", { timeout: 1, onError: (error) => errors.push(error.name) });
  // The SDK takes what comes first: the end of the output, or the close code of the timeout.
  await running.catch((error) => assert.ok(error instanceof DaytonaTimeoutError, String(error)));
  assert.deepEqual(errors, ["TimeoutError"]);
  assert.equal((await py.runCode("print(kept)")).stdout, "kept\n");
});

check("Contexts are created, used apart from each other, listed without the default one, and deleted.", async (py) => {
  const one = await py.createContext("/tmp");
  const two = await py.createContext();
  assert.deepEqual([one.cwd, one.language, one.active], ["/tmp", "python", true]);
  await py.runCode("y = 1", { context: one });
  assert.equal((await py.runCode("import os; print(y, os.getcwd())", { context: one })).stdout, "1 /tmp\n");
  assert.equal((await py.runCode("print(y)", { context: two })).error.name, "NameError");
  const ids = (await py.listContexts()).map(({ id }) => id);
  assert.ok(ids.includes(one.id) && ids.includes(two.id) && !ids.includes("default"));
  await py.deleteContext(one);
  assert.ok(!(await py.listContexts()).some(({ id }) => id === one.id));
  await assert.rejects(py.deleteContext(one), (error) => {
    assert.ok(error instanceof DaytonaError, String(error));
    assert.match(error.message, new RegExp(`Context not found: ${one.id}`));
    return error.statusCode === 404;
  });
  await assert.rejects(py.runCode("1", { context: one }), (error) => {
    assert.match(error.message, new RegExp(`context not found: ${one.id} .close code 1008.`));
    return error instanceof DaytonaConnectionError;
  });
});

check("A directory that is not there is an error that names it.", async (py) => {
  await assert.rejects(py.createContext("/no/such"), (error) => {
    assert.match(error.message, /Working directory does not exist: \/no\/such/);
    return error.statusCode === 400;
  });
});

check("The death of the context's Python is an error; the next code runs in a new one.", async (py) => {
  const died = await py.runCode("print('last words', flush=True)\nimport os; os._exit(3)");
  assert.deepEqual([died.stdout, died.error.name, died.error.value], ["last words\n", "WorkerDied", "exit status 3"]);
  assert.equal((await py.runCode("print('back')")).stdout, "back\n");
});

check("All output arrives, however much.", async (py) => {
  const result = await py.runCode("print('é' * 3_000_000)\nfor _ in range(20_000): print('x' * 99)");
  assert.equal(result.stdout, "é".repeat(3_000_000) + "\n" + ("x".repeat(99) + "\n").repeat(20_000));
});

await run(async (url) => {
  const daytona = new Daytona({ apiKey: "key", apiUrl: await service(url), target: "local" });
  return (await daytona.get(SANDBOX)).codeInterpreter;
});
