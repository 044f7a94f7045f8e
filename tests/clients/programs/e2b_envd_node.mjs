// dialect: e2b
// client: Node
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CommandExitError, FileNotFoundError, InvalidArgumentError, Sandbox, TimeoutError } from "@e2b/code-interpreter";
import { check, run } from "./checks.mjs";

const KEY = "e2b_" + "0".repeat(40); // the SDK wants this form; the daemon does not look at it

async function raises(kind, text, call) {
  await assert.rejects(call, (error) => error instanceof kind && error.message.includes(text));
}

check("`files.write` and `files.read` take text, bytes, files and streams, of any size, also compressed.", async ({ sandbox, folder }) => {
  const path = `${folder}/new/ä.txt`;
  const info = await sandbox.files.write(path, "hällo");
  assert.deepEqual([info.name, info.type, info.path], ["ä.txt", "file", path]);
  assert.equal(await sandbox.files.read(path), "hällo");
  const large = new Uint8Array(1 << 20).fill(7);
  for (const data of [large.buffer, new Blob([large]), new Blob([large]).stream()]) {
    await sandbox.files.write(path, data);
    assert.deepEqual(await sandbox.files.read(path, { format: "bytes" }), large);
  }
  assert.equal((await sandbox.files.read(path, { format: "blob" })).size, large.length);
  let size = 0;
  for await (const piece of await sandbox.files.read(path, { format: "stream" })) size += piece.length;
  assert.equal(size, large.length);
});

check("`files.write_files` writes many files at once, with any names.", async ({ sandbox, folder }) => {
  const paths = ["1.txt", 'quote".txt', "ü/2.txt"].map((name) => `${folder}/many/${name}`);
  await sandbox.files.write(paths.map((path) => ({ path, data: path })));
  assert.deepEqual(await Promise.all(paths.map((path) => sandbox.files.read(path))), paths);
});

check("`files.list`, `get_info` and `exists` describe files, directories and links.", async ({ sandbox, folder }) => {
  await sandbox.files.write(`${folder}/listed/deep/a`, "x");
  assert.deepEqual((await sandbox.files.list(`${folder}/listed`, { depth: 2 })).map((it) => it.name), ["deep", "a"]);
  assert.equal((await sandbox.files.getInfo(`${folder}/listed/deep/a`)).size, 1);
  assert.equal(await sandbox.files.exists(`${folder}/listed`), true);
  assert.equal(await sandbox.files.exists(`${folder}/nothing`), false);
});

check("`files.make_dir`, `rename` and `remove` change files and directories.", async ({ sandbox, folder }) => {
  assert.equal(await sandbox.files.makeDir(`${folder}/changed/a/b`), true);
  assert.equal(await sandbox.files.makeDir(`${folder}/changed/a/b`), false);
  await sandbox.files.rename(`${folder}/changed/a`, `${folder}/changed/c`);
  await sandbox.files.remove(`${folder}/changed/c`);
  assert.deepEqual(await sandbox.files.list(`${folder}/changed`), []);
});

check("Files that do not exist raise `FileNotFoundException`, and impossible paths `InvalidArgumentException`.", async ({ sandbox, folder }) => {
  await raises(FileNotFoundError, "no such file", () => sandbox.files.read(`${folder}/nowhere`));
  await raises(FileNotFoundError, "no such file", () => sandbox.files.list(`${folder}/nowhere`));
  await raises(InvalidArgumentError, "must not be a directory", () => sandbox.files.read(folder));
});

check("`files.watch_dir` tells what happens in a directory, and below it.", async ({ sandbox, folder }) => {
  await sandbox.files.makeDir(`${folder}/watched/deep`);
  const kinds = [];
  const removed = new Promise((resolve) => {
    const note = (event) => {
      kinds.push(`${event.type} ${event.name}`);
      if (event.type === "remove") resolve();
    };
    sandbox.files.watchDir(`${folder}/watched`, note, { recursive: true }).then(async (watch) => {
      await sandbox.files.write(`${folder}/watched/deep/a`, "x");
      await sandbox.files.remove(`${folder}/watched/deep/a`);
      await removed;
      await watch.stop();
    });
  });
  await removed;
  assert.ok(kinds.includes("create deep/a") && kinds.includes("write deep/a"), kinds);
});

check("`commands.run` returns what a command has written, with `cwd` and `envs`.", async ({ sandbox, folder }) => {
  const ran = await sandbox.commands.run("pwd; echo $FOO; echo oops >&2", { cwd: folder, envs: { FOO: "bär" } });
  assert.deepEqual([ran.stdout, ran.stderr, ran.exitCode], [`${folder}\nbär\n`, "oops\n", 0]);
});

check("`on_stdout` and `on_stderr` are called while the command runs.", async ({ sandbox }) => {
  const told = [];
  const note = (text) => told.push(text);
  await sandbox.commands.run("echo out; sleep 0.01; echo err >&2", { onStdout: note, onStderr: note });
  assert.deepEqual(told, ["out\n", "err\n"]);
});

check("A command that fails raises `CommandExitException`, with its status and all output.", async ({ sandbox }) => {
  const failed = (error) => error instanceof CommandExitError && error.exitCode === 3 && error.stdout === "out\n";
  await assert.rejects(() => sandbox.commands.run("echo out; exit 3"), failed);
});

check("A command in the background is listed, gets its input, and ends when that ends.", async ({ sandbox }) => {
  const handle = await sandbox.commands.run("cat", { background: true, stdin: true });
  assert.ok((await sandbox.commands.list()).some((it) => it.pid === handle.pid));
  await sandbox.commands.sendStdin(handle.pid, "one\n");
  await sandbox.commands.closeStdin(handle.pid);
  assert.equal((await handle.wait()).stdout, "one\n");
});

check("`kill` ends a command and all that it has started; `connect` follows one that another client has left.", async ({ sandbox }) => {
  const handle = await sandbox.commands.run("sleep 1000", { background: true });
  await handle.disconnect();
  const again = await sandbox.commands.connect(handle.pid);
  assert.equal(await sandbox.commands.kill(handle.pid), true);
  assert.equal(await sandbox.commands.kill(handle.pid), false);
  await raises(CommandExitError, "", () => again.wait());
});

check("`timeout` raises `TimeoutException` and kills the command.", async ({ sandbox }) => {
  await raises(TimeoutError, "", () => sandbox.commands.run("exec sleep 1000", { timeoutMs: 1000 }));
});

check("`pty` is a terminal with a shell, which can be resized.", async ({ sandbox }) => {
  let told = "";
  const onData = (data) => { told += new TextDecoder().decode(data); };
  const handle = await sandbox.pty.create({ cols: 80, rows: 24, onData, timeoutMs: 30000 });
  await sandbox.pty.resize(handle.pid, { cols: 100, rows: 30 });
  await sandbox.pty.sendInput(handle.pid, new TextEncoder().encode("stty size; echo $((6 * 7)); exit 0\n"));
  await handle.wait();
  assert.ok(told.includes("30 100") && told.includes("42"), told);
});

const folder = mkdtempSync(join(tmpdir(), "e2b-"));
process.on("exit", () => rmSync(folder, { recursive: true }));
await run(async (url) => ({ folder, sandbox: await Sandbox.create({ debug: true, sandboxUrl: url, apiKey: KEY }) }));
