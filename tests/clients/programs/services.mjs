// @jupyterlab/services, the library by which VS Code, JupyterLab and thebe speak to a Jupyter server: directly, in the binary
// subprotocol.
//
// dialect: jupyter
// client: @jupyterlab/services
import assert from "node:assert/strict";
import WebSocket from "ws";
import services from "@jupyterlab/services";
import { check, run as runChecks } from "./checks.mjs";

const { KernelManager, KernelSpecManager, ServerConnection, SessionManager } = services;
const sockets = [];
let specs, kernels, sessions, kernel;

// The library leaves some promises of a kernel that has died alone; a browser only logs that.
process.on("unhandledRejection", () => {});

class Socket extends WebSocket {
  constructor(...args) {
    super(...args);
    sockets.push(this);
  }
}

function setup(url) {
  const baseUrl = url + "/";
  const wsUrl = baseUrl.replace(/^http/, "ws");
  const serverSettings = ServerConnection.makeSettings({ baseUrl, wsUrl, WebSocket: Socket });
  specs = new KernelSpecManager({ serverSettings });
  kernels = new KernelManager({ serverSettings, kernelSpecManager: specs });
  sessions = new SessionManager({ serverSettings, kernelManager: kernels });
}

/** Run code; return everything that the future told. */
async function run(code, options = {}) {
  const future = kernel.requestExecute({ code, ...options.content });
  const told = { streams: "", results: [], displays: [], error: null, inputs: [] };
  future.onIOPub = ({ header, content }) => {
    if (header.msg_type === "stream") told.streams += content.text;
    if (header.msg_type === "execute_result") told.results.push(content.data);
    if (header.msg_type === "display_data") told.displays.push(content.data);
    if (header.msg_type === "error") told.error = content;
    options.onIOPub?.(header.msg_type, content);
  };
  future.onStdin = (message) => {
    told.inputs.push(message.content);
    future.sendInputReply({ status: "ok", value: options.input }, message.header);
  };
  told.reply = (await future.done).content;
  return told;
}

/** Resolve when the kernel's status is `wanted`. */
function status(wanted) {
  return new Promise((resolve) => {
    const look = () => kernel.status === wanted && (kernel.statusChanged.disconnect(look), resolve());
    kernel.statusChanged.connect(look);
    look();
  });
}

check("The kernel specs are listed.", async () => {
  await specs.ready;
  assert.equal(specs.specs.default, "python3");
  assert.equal(specs.specs.kernelspecs.python3.language, "python");
});

check("A kernel starts.", async () => {
  kernel = await kernels.startNew({ name: "python3" });
  const info = await kernel.info;
  assert.equal(info.status, "ok");
  assert.equal(info.language_info.name, "python");
  assert.equal(kernel.name, "python3");
});

check("The binary subprotocol is spoken.", async () => {
  assert.equal(sockets.at(-1).protocol, "v1.kernel.websocket.jupyter.org");
});

check("Code runs, with its output, its result and its count.", async () => {
  const { streams, results, reply } = await run("x = 20\nprint('é', x)\nx + 1");
  assert.deepEqual([streams, results, reply.status], ["é 20\n", [{ "text/plain": "21" }], "ok"]);
  assert.equal((await run("x")).reply.execution_count, reply.execution_count + 1);
});

check("A picture is shown.", async () => {
  const { displays } = await run("import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()");
  assert.match(displays[0]["image/png"], /^iVBORw0KGgo/);
});

check("An error has its traceback.", async () => {
  const { error, reply } = await run("1 / 0");
  assert.deepEqual([error.ename, error.evalue, reply.status], ["ZeroDivisionError", "division by zero", "error"]);
  assert.match(error.traceback.join("\n"), /ZeroDivisionError/);
});

check("input() asks the client.", async () => {
  const told = await run("name = input('name? ')\nprint(name * 2)", { content: { allow_stdin: true }, input: "Bo" });
  assert.deepEqual([told.inputs, told.streams], [[{ prompt: "name? ", password: false }], "BoBo\n"]);
});

check("getpass() asks for a password.", async () => {
  const code = "import getpass\nprint(getpass.getpass('secret? '))";
  const told = await run(code, { content: { allow_stdin: true }, input: "hush" });
  assert.deepEqual([told.inputs, told.streams], [[{ prompt: "secret? ", password: true }], "hush\n"]);
});

check("Completion, inspection and whether code is complete are answered.", async () => {
  await run("import os");
  const { matches, cursor_start } = (await kernel.requestComplete({ code: "os.getcw", cursor_pos: 8 })).content;
  assert.ok(matches.some((match) => match.endsWith("getcwd")), matches.join());
  assert.ok(cursor_start <= 3);
  const { found, data } = (await kernel.requestInspect({ code: "len", cursor_pos: 3, detail_level: 0 })).content;
  assert.ok(found);
  assert.match(data["text/plain"], /container/);
  assert.equal((await kernel.requestIsComplete({ code: "if x:" })).content.status, "incomplete");
});

check("The history is kept.", async () => {
  const asked = { output: false, raw: true, hist_access_type: "tail", n: 2 };
  const { history } = (await kernel.requestHistory(asked)).content;
  assert.equal(history.length, 2);
  assert.deepEqual(history.map(([, , code]) => code.includes("getpass")), [true, false]);
});

check("User expressions are evaluated.", async () => {
  const { reply } = await run("y = 2", { content: { user_expressions: { sum: "x + y", bad: "nope" } } });
  assert.equal(reply.user_expressions.sum.data["text/plain"], "22");
  assert.equal(reply.user_expressions.bad.ename, "NameError");
});

check("What is queued behind an error is aborted.", async () => {
  const codes = ["input()", "1 / 0", "z = 1"]; // the first holds them back until all are there
  const futures = codes.map((code) => kernel.requestExecute({ code, allow_stdin: true, stop_on_error: true }));
  futures[0].onStdin = ({ header }) => futures[0].sendInputReply({ status: "ok", value: "" }, header);
  const replies = await Promise.all(futures.map((future) => future.done));
  assert.deepEqual(replies.map(({ content }) => content.status), ["ok", "error", "aborted"]);
});

check("An interrupt ends code and keeps the variables.", async () => {
  const running = run("print('in')\nwhile True: pass", {
    onIOPub: (kind) => kind === "stream" && void kernel.interrupt(),
  });
  const { error } = await running;
  assert.equal(error.ename, "KeyboardInterrupt");
  assert.equal((await run("x")).results[0]["text/plain"], "20");
});

check("Comm messages go both ways, with buffers.", async () => {
  const got = new Promise((resolve) => {
    kernel.registerCommTarget("echo", (comm) => {
      comm.onMsg = ({ content, buffers }) => resolve([content.data, [...new Uint8Array(buffers[0].buffer)]]);
      comm.send({ word: "hello" }, {}, [new Uint8Array([1, 2, 255])]);
    });
  });
  await run(
    "from comm import create_comm\n" +
      "comm = create_comm(target_name='echo')\n" +
      "def answer(message):\n" +
      "    comm.send({'word': message['content']['data']['word'] * 2}, buffers=[bytes(message['buffers'][0])[::-1]])\n" +
      "comm.on_msg(answer)",
  );
  const [data, buffer] = await got;
  assert.deepEqual([data, buffer], [{ word: "hellohello" }, [255, 2, 1]]);
});

check("A kernel's death is announced, and a new one takes its place.", async () => {
  const autorestarting = status("autorestarting");
  const lost = kernel.requestExecute({ code: "import os; os._exit(1)" });
  lost.done.catch(() => {});
  await autorestarting;
  await status("idle");
  assert.equal((await run("x")).error.ename, "NameError");
});

check("A restart forgets the variables.", async () => {
  await run("x = 1");
  await kernel.restart();
  await kernel.info;
  const { error } = await run("x");
  assert.equal(error.ename, "NameError");
});

check("Running kernels are listed.", async () => {
  await kernels.refreshRunning();
  const running = [...kernels.running()].find(({ id }) => id === kernel.id);
  assert.equal(running.name, "python3");
  assert.ok(running.connections >= 1);
  assert.match(running.last_activity, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
});

check("A kernel is shut down.", async () => {
  await kernel.shutdown();
  await kernels.refreshRunning();
  assert.ok(![...kernels.running()].some(({ id }) => id === kernel.id));
  assert.ok(kernel.isDisposed);
});

check("A document's session starts a kernel, is renamed, listed and ended, as in VS Code.", async () => {
  const wish = { path: "a/book.ipynb", name: "book", type: "notebook", kernel: { name: "python3" } };
  const session = await sessions.startNew(wish);
  kernel = session.kernel;
  assert.deepEqual((await run("6 * 7")).results, [{ "text/plain": "42" }]);
  await session.setPath("a/other.ipynb");
  await sessions.refreshRunning();
  const { path, type, kernel: model } = [...sessions.running()].find(({ id }) => id === session.id);
  assert.deepEqual([path, type, model.id], ["a/other.ipynb", "notebook", kernel.id]);
  await session.shutdown();
  await Promise.all([sessions.refreshRunning(), kernels.refreshRunning()]);
  assert.ok(![...sessions.running()].some(({ id }) => id === session.id));
  assert.ok(![...kernels.running()].some(({ id }) => id === model.id));
});

await runChecks(setup);
