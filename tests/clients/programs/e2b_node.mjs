// dialect: e2b
// client: Node
import assert from "node:assert/strict";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NotFoundError, Sandbox, SandboxError, TimeoutError } from "@e2b/code-interpreter";
import { check, run } from "./checks.mjs";

const KEY = "e2b_" + "0".repeat(40); // the SDK wants this form; the daemon does not look at it
const FORMATS = ["text", "html", "markdown", "svg", "png", "jpeg", "pdf", "latex", "json", "javascript"];
const DRAWINGS = {
  line: "plt.plot([1, 2], [3, 4])",
  scatter: "plt.scatter([1, 2], [3, 4])",
  bar: "plt.bar(['a', 'b'], [1, 2])",
  pie: "plt.pie([1, 2], labels=['a', 'b'])",
  box_and_whisker: "plt.boxplot([[1, 2, 3], [2, 3, 9]], patch_artist=True)",
  superchart: "plt.subplot(121).plot([1]), plt.subplot(122).bar(['a'], [1])",
  unknown: "plt.imshow([[1, 2]])",
};

async function raises(kind, text, call) {
  await assert.rejects(call, (error) => error instanceof kind && error.message.includes(text));
}

check("`run_code` returns the value of the last expression as text, a `str` without its quotes.", async ({ sandbox }) => {
  assert.equal((await sandbox.runCode("x = 1; x + 1")).text, "2");
  assert.equal((await sandbox.runCode("'a string'")).text, "a string");
});

check("Variables stay, in the default context and in each other one.", async ({ sandbox }) => {
  await sandbox.runCode("kept = 1");
  assert.equal((await sandbox.runCode("kept += 1; kept")).text, "2");
});

check("`on_stdout`, `on_stderr`, `on_result` and `on_error` are called with what comes.", async ({ sandbox }) => {
  const out = [], err = [], results = [], errors = [];
  const execution = await sandbox.runCode("import sys\nprint('a', 1)\nprint('b', file=sys.stderr)\ndisplay(2)\n1 / 0", {
    onStdout: (it) => out.push(it),
    onStderr: (it) => err.push(it),
    onResult: (it) => results.push(it),
    onError: (it) => errors.push(it),
  });
  assert.deepEqual([out[0].line, out[0].error, err[0].line, err[0].error], ["a 1\n", false, "b\n", true]);
  assert.ok(out[0].timestamp);
  assert.deepEqual([results[0].text, errors[0].name, execution.error.value], ["2", "ZeroDivisionError", "division by zero"]);
});

check("Output arrives while the code runs.", async ({ sandbox, folder }) => {
  const path = join(folder, "go");
  const code = `import os, time\nprint('waiting')\nwhile not os.path.exists(${JSON.stringify(path)}):\n    time.sleep(0.01)\nprint('done')`;
  const execution = await sandbox.runCode(code, { onStdout: () => writeFileSync(path, ""), timeoutMs: 30_000 });
  assert.deepEqual(execution.logs.stdout, ["waiting\n", "done\n"]);
});

check("`envs` hold for one execution; a value may have quotes, and lines keep their numbers.", async ({ sandbox }) => {
  assert.equal((await sandbox.runCode("import os; os.getenv('FOO')", { envs: { FOO: "it's" } })).text, "it's");
  assert.equal((await sandbox.runCode("os.getenv('FOO', 'default')")).text, "default");
});

check("Contexts are made, listed with the default one first and the newest last, restarted and removed.", async ({ sandbox }) => {
  const context = await sandbox.createCodeContext({ cwd: "/", language: "python" });
  const listed = await sandbox.listCodeContexts();
  assert.equal(listed[0].id, "default");
  assert.deepEqual(listed.at(-1), { id: context.id, language: "python", cwd: "/" });
  await sandbox.runCode("x = 1", { context });
  await sandbox.restartCodeContext(context);
  assert.equal((await sandbox.runCode("x", { context })).error.name, "NameError");
  await sandbox.removeCodeContext(context.id);
  assert.ok(!(await sandbox.listCodeContexts()).some((it) => it.id === context.id));
});

check("A context that does not exist raises `NotFoundException`.", async ({ sandbox }) => {
  const context = { id: "nope", language: "python", cwd: "/" };
  await raises(NotFoundError, "Context nope not found", () => sandbox.runCode("1", { context }));
  await raises(NotFoundError, "Context nope not found", () => sandbox.restartCodeContext("nope"));
  await raises(NotFoundError, "Context nope not found", () => sandbox.removeCodeContext("nope"));
});

check("Executions are counted, from 1 again after a restart.", async ({ sandbox }) => {
  const context = await sandbox.createCodeContext();
  assert.equal((await sandbox.runCode("1", { context })).executionCount, 1);
  assert.equal((await sandbox.runCode("1", { context })).executionCount, 2);
});

check("A result has each of its formats: text, html, markdown, svg, png, jpeg, pdf, latex, json, javascript, others.", async ({ sandbox }) => {
  const types = "text/plain text/html text/markdown image/svg+xml image/png image/jpeg application/pdf text/latex".split(" ");
  const data = Object.fromEntries([...types, "application/javascript"].map((type) => [type, "eA=="]));
  data["application/json"] = { a: 1 };
  const execution = await sandbox.runCode(`display(${JSON.stringify(data)}, raw=True)`);
  const [result] = execution.results;
  assert.deepEqual(FORMATS.filter((it) => result[it] === undefined), []);
  assert.deepEqual([result.json, result.png, result.isMainResult], [{ a: 1 }, "eA==", false]);
});

check("Lists and dicts have `json`.", async ({ sandbox }) => {
  assert.deepEqual((await sandbox.runCode("{'a': [1, None]}")).results[0].json, { a: [1, null] });
});

check("Frames of pandas have `data`: a list for each column, dates as ISO 8601.", async ({ sandbox }) => {
  const code = "import pandas as pd\npd.DataFrame({'a': [1, 2], 't': pd.to_datetime(['2020-01-02', '2021-01-01'])})";
  const [result] = (await sandbox.runCode(code)).results;
  assert.deepEqual(result.data, { a: [1, 2], t: ["2020-01-02T00:00:00", "2021-01-01T00:00:00"] });
});

check("Figures of matplotlib have `png` and `chart`, of the types line, scatter, bar, pie, box, superchart, unknown.", async ({ sandbox }) => {
  for (const [kind, draw] of Object.entries(DRAWINGS)) {
    const code = `\n    import matplotlib.pyplot as plt\n    plt.figure()\n    ${draw}\n    plt.show()\n    `;
    const [result] = (await sandbox.runCode(code)).results;
    assert.equal(result.chart.type, kind);
    assert.ok(result.png);
    assert.ok(Array.isArray(result.chart.elements));
  }
});

check("`timeout` raises `TimeoutException` and interrupts the code; variables stay, and the next code runs at once.", async ({ sandbox }) => {
  const context = await sandbox.createCodeContext();
  await sandbox.runCode("kept = 5", { context });
  await raises(TimeoutError, "", () => sandbox.runCode("import time; time.sleep(60)", { context, timeoutMs: 1000 }));
  assert.equal((await sandbox.runCode("kept", { context, timeoutMs: 30_000 })).text, "5");
});

check("A language that is not there raises `SandboxException`, which names it.", async ({ sandbox }) => {
  await raises(SandboxError, "500 Internal Server Error", () => sandbox.runCode("1", { language: "r" }));
  await raises(SandboxError, "500 Internal Server Error", () => sandbox.createCodeContext({ language: "r" }));
});

check("Code in other languages runs.", async ({ sandbox }) => {
  assert.deepEqual((await sandbox.runCode("console.log(1)", { language: "js" })).logs.stdout, ["1\n"]);
});

check("A crash is `ContextRestarting`, which says how; the next code runs in a new Python.", async ({ sandbox }) => {
  const context = await sandbox.createCodeContext();
  const { error } = await sandbox.runCode("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", { context });
  assert.deepEqual([error.name, error.value], ["ContextRestarting", "Context was restarted"]);
  assert.equal((await sandbox.runCode("1", { context })).text, "1");
});

check("`Sandbox.connect` finds the same contexts and variables; `is_running` and `kill` answer.", async ({ sandbox }) => {
  await sandbox.runCode("shared = 6");
  const other = await Sandbox.connect(sandbox.sandboxId);
  assert.equal((await other.runCode("shared")).text, "6");
  assert.equal(await other.isRunning(), true);
  await other.kill();
});

check("`Sandbox.create(debug=True, sandbox_url=…)` needs no variables.", async ({ url }) => {
  delete process.env.E2B_SANDBOX_URL;
  const made = await Sandbox.create({ debug: true, sandboxUrl: url, apiKey: KEY });
  assert.equal((await made.runCode("1")).text, "1");
});

await run(async (url) => {
  Object.assign(process.env, { E2B_DEBUG: "true", E2B_API_KEY: KEY, E2B_SANDBOX_URL: url });
  return { sandbox: await Sandbox.create(), url, folder: mkdtempSync(join(tmpdir(), "e2b-")) };
});
